"""``undertone-training label``: what a labeller makes of videos, as labels for training."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stream.describing.labellers.provider import GEMINI_MODEL, Sampling
from stream.errors import DescriptionError, UsageError

if TYPE_CHECKING:
    from training.labelling.budget import Budget
    from training.labelling.results import Result

BUDGET_EXIT, AUDIT = 3, "audit.csv"


def label(
    videos: Annotated[Path, typer.Argument(help="Folder of videos; the id is the name without suffix.")],
    out: Annotated[Path, typer.Option("--out", help="Directory of answers, labels.jsonl and audit.csv.")],
    prompt: Annotated[
        str, typer.Option("--prompt", help="plain, cot_reflection, one of their versions, or an .md file.")
    ] = "cot_reflection",
    rules: Annotated[
        Path | None,
        typer.Option("--rules", help="Other prior rules, TOML of rule and reason.", show_default=False),
    ] = None,
    provider: Annotated[
        str, typer.Option("--provider", help="gemini, or a file of answers: JSON lines of id and raw.")
    ] = "gemini",
    model: Annotated[str, typer.Option("--model", help="Of the provider.")] = GEMINI_MODEL,
    fps: Annotated[float, typer.Option("--fps", help="Pictures a second that the model sees, to 24.")] = 4.0,
    resolution: Annotated[str, typer.Option("--resolution", help="low or medium.")] = "low",
    seed: Annotated[int, typer.Option("--seed", help="Another seed is another answer.")] = 0,
    text: Annotated[
        str, typer.Option("--text", help="guarded (no verdict, no names) or paper (as it was said).")
    ] = "guarded",
    names: Annotated[
        Path | None,
        typer.Option(
            "--names", help="Names to keep out of the text: one a line, or labels.csv.", show_default=False
        ),
    ] = None,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Requests at once.")] = 4,
    per_minute: Annotated[
        float | None,
        typer.Option("--requests-per-minute", min=0.01, help="Not faster.", show_default=False),
    ] = None,
    max_requests: Annotated[
        int | None,
        typer.Option("--max-requests", min=0, help="Of all runs together; stop there.", show_default=False),
    ] = None,
    max_tokens: Annotated[
        int | None, typer.Option("--max-tokens", min=0, help="In and out, likewise.", show_default=False)
    ] = None,
    price_in: Annotated[
        float | None,
        typer.Option(
            "--price-in", min=0, help="Of a million tokens in; with --price-out.", show_default=False
        ),
    ] = None,
    price_out: Annotated[
        float | None,
        typer.Option("--price-out", min=0, help="Of a million tokens out.", show_default=False),
    ] = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Ask again about videos without an answer.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print requests and tokens; send nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before videos are sent.")] = False,
) -> None:
    """Videos to a labeller, without their sound: action units, evidence, reflection, confidences.

    A run that was stopped continues. Exit code 0: nothing is left to ask, though some videos may have failed;
    1: no video was answered, or the service could not be asked; 3: a budget stopped it.

    Example: undertone-training label videos --out runs/said --dry-run
    """
    from stream.describing.rendering import form_of
    from training.labelling import label as whole
    from training.labelling.budget import Budget, Price
    from training.labelling.run import alone

    if (price_in is None) != (price_out is None):
        raise UsageError("expected --price-in and --price-out together, found one of them; give both.")
    price = None if price_in is None or price_out is None else Price(price_in, price_out)
    options = whole.Options(
        videos,
        out,
        prompt,
        rules,
        provider,
        Sampling(model, fps, resolution, seed=seed),
        form_of(text),
        names,
        workers,
        price,
        retry_failed,
    )
    if dry_run:
        typer.echo(whole.dry(whole.planned(options), options))
        return
    budget = Budget(max_requests=max_requests, max_tokens=max_tokens, per_minute=per_minute)
    plan = whole.planned(options)
    if plan.waiting and options.sends:
        question = whole.question(plan)
        if not yes:
            _ask(question)
    try:
        with alone(out):
            result = whole.carry_out(plan, options, budget)
    except OSError as error:  # a full disk, mostly; what was kept before is whole
        raise UsageError(
            f"{out}: expected to write there, found {error.strerror or error}; make room and run the same "
            "command again."
        ) from error
    typer.echo(result.summary)
    _end(result, budget, videos, out)


def _end(result: "Result", budget: "Budget", videos: Path, out: Path) -> None:
    """What is to be done next, if anything, and the exit code that goes with it."""
    from training.corpus.index import listed

    if result.error is not None:
        raise result.error
    if budget.stopped_by:
        typer.echo(
            f"undertone-training: stopped at {budget.stopped_by}; run it with a larger one to go on.",
            err=True,
        )
        raise typer.Exit(BUDGET_EXIT)
    if not result.failed:
        return
    again = f"see {out / AUDIT} for the reasons, and run the same command with --retry-failed to ask again"
    if not result.answered:
        raise DescriptionError(
            f"{videos}: expected an answer for one video at least, found none for all "
            f"{len(result.failed)}; {again}."
        )
    typer.echo(
        f"undertone-training: {len(result.failed)} of {len(result.failed) + result.answered} videos failed "
        f"({listed(result.failed)}); {again}.",
        err=True,
    )


def _ask(question: str) -> None:
    """Go on only after a yes. UsageError where nobody can be asked."""
    if not _terminal():
        raise UsageError(
            "expected leave to send videos, found nobody to ask on this terminal; add --yes, or --dry-run to "
            "see what would be sent."
        )
    if not typer.confirm(question, err=True):
        typer.echo("nothing was sent", err=True)
        raise typer.Exit(1)


def _terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()
