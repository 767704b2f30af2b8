"""``undertone-training label``: what a labeller makes of videos, as labels for training."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from stream.describing.provider import GEMINI_MODEL, Sampling
from stream.errors import UsageError

BUDGET_EXIT = 3


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
        int | None, typer.Option("--max-requests", min=0, help="Stop there.", show_default=False)
    ] = None,
    max_tokens: Annotated[
        int | None, typer.Option("--max-tokens", min=0, help="Stop there, in and out.", show_default=False)
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

    A run that was stopped continues. It ends with exit code 3 where a budget stopped it.

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
    with alone(out):
        plan = whole.planned(options)
        if plan.waiting and options.sends and not yes:
            _ask(whole.question(plan))
        typer.echo(whole.carry_out(plan, options, budget))
    if budget.stopped_by:
        typer.echo(
            f"undertone-training: stopped at {budget.stopped_by}; run the same command to go on.", err=True
        )
        raise typer.Exit(BUDGET_EXIT)


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
