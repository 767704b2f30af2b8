"""``undertone-training label``: labels and descriptions of videos from a labeller, for training."""

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
    """Send videos, without sound, to a labeller: action units, evidence, reflection, confidences.

    An interrupted run resumes. Exit code 0: no request remains, though some videos may have failed; 1: no
    video was answered, or the service was unavailable; 3: a budget stopped the run.

    Example:

      undertone-training label videos --out runs/said --dry-run
    """
    from training.labelling import label as whole
    from training.labelling.budget import Budget
    from training.labelling.run import exclusive

    request, most, out = _request(options), options.spending, options.out
    if options.dry_run:
        typer.echo(whole.describe(whole.make_plan(request), request))
        return
    budget = Budget(max_requests=most.max_requests, max_tokens=most.max_tokens, per_minute=most.per_minute)
    plan = whole.make_plan(request)
    if plan.waiting and request.sends:
        question = whole.consent_question(plan)
        if not options.yes:
            _confirm(question)
    try:
        with exclusive(out):
            result = whole.execute(plan, request, budget)
    except OSError as error:  # usually a full disk; earlier answers are intact
        raise UsageError(
            f"{out}: expected to write there, found {error.strerror or error}; make room and run the same "
            "command again."
        ) from error
    typer.echo(result.summary)
    _end(result, budget, options.videos, out)


def _request(options: LabelOptions) -> "Options":
    """The options of the run, with its price if given. UsageError for only one of the prices."""
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
    """Print the next step, if any, and exit with its code."""
    from training.corpus.index import listed

    if result.error is not None:
        raise result.error
    if budget.stopped_by:
        typer.echo(
            f"undertone-training: stopped at {budget.stopped_by}; run it with a larger one to continue.",
            err=True,
        )
        raise typer.Exit(BUDGET_EXIT)
    if not result.failed:
        return
    again = f"see {out / AUDIT} for the reasons, and run the same command with --retry-failed to retry"
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


def _confirm(question: str) -> None:
    """Continue only after a yes. UsageError without a terminal."""
    if not _terminal():
        raise UsageError(
            "expected a confirmation to send videos, found no terminal to ask on; add --yes, or --dry-run "
            "to see what would be sent."
        )
    if not typer.confirm(question, err=True):
        typer.echo("nothing was sent", err=True)
        raise typer.Exit(1)


def _terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()
