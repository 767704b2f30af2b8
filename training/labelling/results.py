"""The results of a run: the lines that training reads, the audit sheet, and a summary."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stream.bundle.manifest import TextForm as Form
from stream.describing.labellers.answer import Answer, Verdict
from stream.describing.rendering import render
from stream.errors import UndertoneError, UsageError
from training.corpus import labels as label_files
from training.corpus.index import listed
from training.labelling import audit, labels
from training.labelling.budget import Budget, Price
from training.labelling.cache import CachedAnswer
from training.labelling.ledger import Spent
from training.labelling.plan import Plan

SHOWN = 5  # failures listed in the summary


@dataclass(frozen=True, slots=True)
class Result:
    """The state after a run."""

    summary: str
    answered: int
    failed: tuple[str, ...]  # ids
    error: UndertoneError | None = None  # what ended the run early


def write(
    plan: Plan,
    known: Mapping[str, CachedAnswer | None],
    out: Path,
    form: Form,
    names: Collection[str],
    unavailable: Mapping[str, str],
) -> None:
    """Write the lines that training reads, and the audit sheet; null for a missing answer.

    ``unavailable``: reasons by id of requests that the service did not answer.
    """
    answers = {id: cached.answer(plan.prompt) if cached else None for id, cached in known.items()}
    reasons = _failures(plan, known)
    lines = (_line(id, answer, form, names, plan) for id, answer in answers.items())
    labels.write(out / labels.LABELS, lines)
    audit.write(out / audit.AUDIT, answers, {**unavailable, **reasons})


def _failures(plan: Plan, known: Mapping[str, CachedAnswer | None]) -> dict[str, str]:
    """Reasons of the failed answers, by id."""
    reasons = {id: cached.failure_reason(plan.prompt) for id, cached in known.items() if cached}
    return {id: reason for id, reason in reasons.items() if reason}


def _line(
    id: str, answer: Answer | Verdict | None, form: Form, names: Collection[str], plan: Plan
) -> labels.Line:
    if plan.prompt.schema is Verdict or isinstance(answer, Verdict):
        # This prompt asks for no description, so the corpus keeps its own texts.
        return labels.Line(id, answer.win if answer else None)
    if answer is None:
        return labels.Line(id, None, None)
    return labels.Line(id, answer.win, render(answer, form=form, names=names) or None, form)


def summary(
    plan: Plan,
    known: Mapping[str, CachedAnswer | None],
    budget: Budget,
    price: Price | None,
    left: int,
    unmatched: Sequence[str] = (),
) -> Result:
    """The results and their cost. ``left``: number of uploads still stored by the service; ``unmatched``:
    answers in a file that match no video here."""
    failed = _failures(plan, known)
    answered = [cached for id, cached in known.items() if cached and id not in failed]
    spent = budget.spent_now
    lines = [
        f"{len(known)} videos: {len(answered)} answered, {len(failed)} failed, "
        f"{len(known) - len(answered) - len(failed)} not asked yet; {spent.requests} requests, "
        f"{spent.tokens_in} tokens in, {spent.tokens_out} out" + cost(price, spent)
    ]
    lines += [f"failed: {id}: {reason}" for id, reason in list(failed.items())[:SHOWN]]
    lines += [f"failed: {len(failed) - SHOWN} more, see {audit.AUDIT}"] if len(failed) > SHOWN else []
    others = Counter(k.served for k in answered if k.served and not k.served.startswith(k.key.model))
    lines += [
        f"warning: {plan.sampling.model} was asked, {served} answered {count} times"
        for served, count in others.items()
    ]
    if spent.estimated:
        lines.append(
            f"warning: {spent.estimated} replies came without token counts; theirs are estimated, from the "
            "length of video and prompt and the usual answer"
        )
    if unmatched:
        lines.append(f"warning: {len(unmatched)} answers are of no video here ({listed(unmatched)})")
    if left:
        lines.append(f"warning: {left} uploads may still lie with the service; the next run deletes them")
    return Result("\n".join(lines), len(answered), tuple(failed))


def read_names(path: Path | None) -> set[str]:
    """Names, one per line, or the subjects of a label file (.csv). UsageError for an unreadable file."""
    if path is None:
        return set()
    if path.suffix == ".csv":
        found = {label.subject for label in label_files.read(path).values()}
    else:
        try:
            found = {line.strip() for line in path.read_text(encoding="utf-8").split("\n")}
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(
                f"{path}: expected names, one a line, found no readable file; give one."
            ) from error
    return {name for name in found if any(letter.isalpha() for letter in name)}


def cost(price: Price | None, spent: Spent) -> str:
    """ ", cost 1.20", or nothing without a price."""
    return f", cost {price.of(spent.tokens_in, spent.tokens_out):.2f}" if price else ""
