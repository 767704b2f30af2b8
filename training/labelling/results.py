"""What a run leaves: the lines that training reads, the sheet for a person, and a summary."""

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
from training.labelling.cache import Kept
from training.labelling.ledger import Spent
from training.labelling.plan import Plan

SHOWN = 5  # failures that are told of


@dataclass(frozen=True, slots=True)
class Result:
    """What there is now."""

    summary: str
    answered: int
    failed: tuple[str, ...]  # ids
    error: UndertoneError | None = None  # what ended the run early


def write(
    plan: Plan,
    known: Mapping[str, Kept | None],
    out: Path,
    form: Form,
    names: Collection[str],
    unavailable: Mapping[str, str],
) -> None:
    """The lines that training reads, and the sheet for a person; null where there is no answer.

    ``unavailable``: reasons by id of those who were asked about in vain.
    """
    answers = {id: kept.answer(plan.prompt) if kept else None for id, kept in known.items()}
    reasons = {id: why for id, kept in known.items() if kept and (why := kept.why(plan.prompt))}
    said = (_said(id, answer, form, names, plan) for id, answer in answers.items())
    labels.write(out / labels.LABELS, said)
    audit.write(out / audit.AUDIT, answers, {**unavailable, **reasons})


def _said(
    id: str, answer: Answer | Verdict | None, form: Form, names: Collection[str], plan: Plan
) -> labels.Said:
    if plan.prompt.schema is Verdict or isinstance(answer, Verdict):
        # Describes nothing, answered or not: the corpus keeps its own texts.
        return labels.Said(id, answer.win if answer else None)
    if answer is None:
        return labels.Said(id, None, None)
    return labels.Said(id, answer.win, render(answer, form=form, names=names) or None, form)


def summary(
    plan: Plan,
    known: Mapping[str, Kept | None],
    budget: Budget,
    price: Price | None,
    left: int,
    unmatched: Sequence[str] = (),
) -> Result:
    """What there is now and what it took. ``left``: files that still lie with the service; ``unmatched``:
    answers from a file that are of no video here."""
    failed = {id: why for id, kept in known.items() if kept and (why := kept.why(plan.prompt))}
    answered = [kept for id, kept in known.items() if kept and id not in failed]
    spent = budget.spent_now
    told = [
        f"{len(known)} videos: {len(answered)} answered, {len(failed)} failed, "
        f"{len(known) - len(answered) - len(failed)} not asked yet; {spent.requests} requests, "
        f"{spent.tokens_in} tokens in, {spent.tokens_out} out" + cost(price, spent)
    ]
    told += [f"failed: {id}: {why}" for id, why in list(failed.items())[:SHOWN]]
    told += [f"failed: {len(failed) - SHOWN} more, see {audit.AUDIT}"] if len(failed) > SHOWN else []
    others = Counter(k.served for k in answered if k.served and not k.served.startswith(k.key.model))
    told += [
        f"warning: {plan.sampling.model} was asked, {served} answered {count} times"
        for served, count in others.items()
    ]
    if spent.estimated:
        told.append(
            f"warning: {spent.estimated} replies came without token counts; theirs are estimated, from the "
            "length of video and prompt and the usual answer"
        )
    if unmatched:
        told.append(f"warning: {len(unmatched)} answers are of no video here ({listed(unmatched)})")
    if left:
        told.append(f"warning: {left} uploads may still lie with the service; the next run deletes them")
    return Result("\n".join(told), len(answered), tuple(failed))


def read_names(path: Path | None) -> set[str]:
    """Names, one a line, or the subjects of a label file (.csv). UsageError where it does not read."""
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
    """ ", cost 1.20", or nothing where no price is known."""
    return f", cost {price.of(spent.tokens_in, spent.tokens_out):.2f}" if price else ""
