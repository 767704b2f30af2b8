"""What a run leaves: the lines that training reads, the sheet for a person, and a summary."""

from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path

from stream.describing.answer import Answer, Verdict
from stream.describing.rendering import Form, render
from stream.errors import UsageError
from training.corpus import labels as label_files
from training.labelling import audit, labels
from training.labelling.budget import Budget, Price
from training.labelling.cache import Kept
from training.labelling.plan import Plan

SHOWN = 5  # failures that are told of


def write(
    plan: Plan, known: Mapping[str, Kept | None], out: Path, form: Form, names: Collection[str]
) -> None:
    """The lines that training reads, and the sheet for a person; null where there is no answer."""
    answers = {id: kept.answer(plan.prompt) if kept else None for id, kept in known.items()}
    said = (_said(id, answer, form, names, plan) for id, answer in answers.items())
    labels.write(out / labels.LABELS, said)
    audit.write(out / audit.AUDIT, answers)


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
    plan: Plan, known: Mapping[str, Kept | None], budget: Budget, price: Price | None, left: int
) -> str:
    """What there is now and what it took."""
    kept = [k for k in known.values() if k is not None]
    answered = [k for k in kept if k.answer(plan.prompt) is not None]
    told = [
        f"{len(known)} videos: {len(answered)} answered, {len(kept) - len(answered)} failed, "
        f"{len(known) - len(kept)} not asked yet; {budget.requests} requests, {budget.tokens_in} tokens in, "
        f"{budget.tokens_out} out" + cost(price, budget)
    ]
    failed = [f"{k.id}: {k.failed or 'an answer of another form'}" for k in kept if k not in answered]
    if failed:
        told += [f"failed: {reason}" for reason in failed[:SHOWN]]
        told += [f"failed: {len(failed) - SHOWN} more"] if len(failed) > SHOWN else []
        told.append("--retry-failed asks about these again")
    others = Counter(k.served for k in answered if k.served and not k.served.startswith(k.key.model))
    told += [
        f"warning: {plan.sampling.model} was asked, {served} answered {count} times"
        for served, count in others.items()
    ]
    if left:
        told.append(f"warning: {left} uploaded files could not be deleted; the next run tries again")
    return "\n".join(told)


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


def cost(price: Price | None, budget: Budget) -> str:
    """ ", cost 1.20", or nothing where no price is known."""
    return f", cost {price.of(budget.tokens_in, budget.tokens_out):.2f}" if price else ""
