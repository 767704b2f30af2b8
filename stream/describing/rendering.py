"""An answer as text for BERT: what bears on the verdict first, because the end is cut off.

``guarded`` (default): evidence, reflection and action units without the verdict in words, confidences, scores
and names (``guard.py``). Which side a piece of evidence was listed on is a verdict too, and so are how many
stand on each and which come first: both lists become one, ordered by its words, each piece once. An answer
with all of its sides exchanged reads the same.
``paper``: as it was said, confidences first (hidden-emotion paper). Times of action units are their order in
both: a description of any length of video reads alike.
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
    """The text of an answer; the same answer always gives the same text, "" where nothing is left to say.

    ``names`` of the player and others, who are not named in a guarded text.
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
    """The form of that name. UsageError for another."""
    if name not in get_args(Form):
        raise UsageError(f"expected --text {' or '.join(get_args(Form))}, found {name}; choose one.")
    return name  # type: ignore[return-value]


@dataclass(frozen=True, slots=True)
class Cut:
    """What texts lose to a limit of word pieces."""

    texts: int = 0
    cut: int = 0  # texts that are longer than the limit
    lost: int = 0  # word pieces beyond it, of all texts
    longest: int = 0  # word pieces of the longest text

    def __str__(self) -> str:
        lost = f"{self.lost} pieces lost, the longest has {self.longest}"
        return f"{self.cut} of {self.texts} texts are cut, {lost}"


def cut_at(lengths: Iterable[int], limit: int = LENGTH) -> Cut:
    """What texts of ``lengths`` word pieces (with their beginning and end) lose to ``limit``."""
    found = list(lengths)
    over = [n - limit for n in found if n > limit]
    return Cut(len(found), len(over), sum(over), max(found, default=0))


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
    """In an order that says nothing; what was withheld altogether is left out."""
    told = (piece for piece in pieces if any(letter.isalnum() for letter in piece))
    return sorted(told, key=lambda piece: (piece.casefold(), piece))


def _sentences(pieces: Iterable[str]) -> str:
    return " ".join(piece if piece.endswith((".", "!", "?")) else f"{piece}." for piece in pieces)


def _joined(parts: Iterable[tuple[str, str]]) -> str:
    whole = (
        f"{title}: {text}" if text.endswith(".") else f"{title}: {text}." for title, text in parts if text
    )
    return " ".join(" ".join(whole).split())
