"""``undertone-training label``: what a labeller makes of videos, as labels for training."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast

import typer

from stream.cli.parameters import takes
from stream.describing.labellers.provider import Resolution, Sampling
from stream.errors import DescriptionError, UsageError
from training.cli.help_texts import HELP
from training.cli.options import LabelOptions

if TYPE_CHECKING:
    from training.labelling.budget import Budget
    from training.labelling.label import Options
    from training.labelling.results import Result

BUDGET_EXIT, AUDIT = 3, "audit.csv"


@takes(LabelOptions, HELP)
def label(options: LabelOptions) -> None:
    """Videos to a labeller, without their sound: action units, evidence, reflection, confidences.

    A run that was stopped continues. Exit code 0: nothing is left to ask, though some videos may have failed;
    1: no video was answered, or the service could not be asked; 3: a budget stopped it.

    Example:

      undertone-training label videos --out runs/said --dry-run
    """
    from training.labelling import label as whole
    from training.labelling.budget import Budget
    from training.labelling.run import exclusive

    asked, most, out = _asked(options), options.spending, options.out
    if options.dry_run:
        typer.echo(whole.describe(whole.make_plan(asked), asked))
        return
    budget = Budget(max_requests=most.max_requests, max_tokens=most.max_tokens, per_minute=most.per_minute)
    plan = whole.make_plan(asked)
    if plan.waiting and asked.sends:
        question = whole.consent_question(plan)
        if not options.yes:
            _ask(question)
    try:
        with exclusive(out):
            result = whole.execute(plan, asked, budget)
    except OSError as error:  # a full disk, mostly; what was kept before is whole
        raise UsageError(
            f"{out}: expected to write there, found {error.strerror or error}; make room and run the same "
            "command again."
        ) from error
    typer.echo(result.summary)
    _end(result, budget, options.videos, out)


def _asked(options: LabelOptions) -> "Options":
    """What is asked, with its price if one is given. UsageError for half a price."""
    from stream.describing.rendering import form_of
    from training.labelling.budget import Price
    from training.labelling.label import Options

    asking, spending = options.asking, options.spending
    if (spending.price_in is None) != (spending.price_out is None):
        raise UsageError("expected --price-in and --price-out together, found one of them; give both.")
    price = None
    if spending.price_in is not None and spending.price_out is not None:
        price = Price(spending.price_in, spending.price_out)
    return Options(
        videos=options.videos,
        out=options.out,
        prompt=asking.prompt,
        rules=asking.rules,
        provider=asking.provider,
        sampling=Sampling(asking.model, asking.fps, cast(Resolution, asking.resolution), seed=asking.seed),
        form=form_of(asking.text),
        names=asking.names,
        workers=spending.workers,
        price=price,
        retry_failed=options.retry_failed,
    )


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
