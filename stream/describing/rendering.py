"""A labeller's answer as text for BERT: what matters for the verdict first, because the end is cut off.

``guarded`` (default): evidence, reflection and action units, without verdicts in words, confidences, scores
and names (``guard.py``). The side that a piece of evidence is listed on is a verdict as well, and so are the
number on each side and their order: both lists become one, sorted by its words, without duplicates. An answer
with its sides exchanged gives the same text.
``paper``: verbatim, confidences first (hidden-emotion paper). In both, action units keep their order in time
and lose the times: descriptions of videos of any length read alike.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import get_args

from stream.bundle.manifest import TextForm as Form
from stream.describing.guard import guarded
from stream.describing.labellers.answer import ActionUnit, Answer, Verdict
from stream.errors import UsageError

LENGTH = 512  # word pieces that BERT-Base reads


def render(answer: Answer | Verdict, *, form: Form = "guarded", names: Collection[str] = ()) -> str:
    """The text of an answer; the same answer always gives the same text, empty when nothing remains.

    ``names`` of the player and others are withheld from a guarded text.
    """
    if form == "paper":
        return _joined(_paper(answer))
    if isinstance(answer, Verdict):
        return ""
    evidence = {guarded(piece, names) for piece in (*answer.evidence_win, *answer.evidence_loss)}
    thoughts = {guarded(piece, names) for piece in answer.reflection}
    units = [guarded(_unit(unit), names) for unit in _ordered(answer.action_units)]
    return _joined(
        [
            ("Evidence", _sentences(_by_words(evidence))),
            ("Reflection", _sentences(_by_words(thoughts))),
            ("Action units", "; ".join(units)),
        ]
    )


def form_of(name: str) -> Form:
    """The form of that name. UsageError for an unknown one."""
    if name not in get_args(Form):
        raise UsageError(f"expected --text {' or '.join(get_args(Form))}, found {name}; choose one.")
    return name  # type: ignore[return-value]


@dataclass(frozen=True, slots=True)
class Cut:
    """How much a limit of word pieces cuts off texts."""

    texts: int = 0
    cut: int = 0  # texts that are longer than the limit
    lost: int = 0  # word pieces beyond it, of all texts
    longest: int = 0  # word pieces of the longest text

    def __str__(self) -> str:
        lost = f"{self.lost} pieces lost, the longest has {self.longest}"
        return f"{self.cut} of {self.texts} texts are cut, {lost}"


def cut_at(lengths: Iterable[int], limit: int = LENGTH) -> Cut:
    """What ``limit`` cuts off texts of ``lengths`` word pieces, [CLS] and [SEP] included."""
    known = list(lengths)
    over = [n - limit for n in known if n > limit]
    return Cut(len(known), len(over), sum(over), max(known, default=0))


def _paper(answer: Answer | Verdict) -> list[tuple[str, str]]:
    sure = f"win {answer.confidence_win:g}, loss {answer.confidence_loss:g}"
    if isinstance(answer, Verdict):
        return [("Confidence", sure)]
    return [
        ("Confidence", sure),
        ("Evidence for win", _sentences(answer.evidence_win)),
        ("Evidence for loss", _sentences(answer.evidence_loss)),
        ("Reflection", _sentences(answer.reflection)),
        ("Action units", "; ".join(map(_unit, _ordered(answer.action_units)))),
    ]


def _ordered(units: Iterable[ActionUnit]) -> list[ActionUnit]:
    return sorted(units, key=lambda unit: (unit.start_s, unit.code, unit.name))


def _unit(unit: ActionUnit) -> str:
    return f"{unit.code} {unit.name} ({unit.emotion})"


def _by_words(pieces: Iterable[str]) -> list[str]:
    """Sorted, so that the order carries nothing; pieces that were withheld altogether are left out."""
    left = (piece for piece in pieces if any(letter.isalnum() for letter in piece))
    return sorted(left, key=lambda piece: (piece.casefold(), piece))


def _sentences(pieces: Iterable[str]) -> str:
    return " ".join(piece if piece.endswith((".", "!", "?")) else f"{piece}." for piece in pieces)


def _joined(parts: Iterable[tuple[str, str]]) -> str:
    whole = (
        f"{title}: {text}" if text.endswith(".") else f"{title}: {text}." for title, text in parts if text
    )
    return " ".join(" ".join(whole).split())
