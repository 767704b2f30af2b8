"""The made-up form of 25 of the 32 classes, as data.

A gesture is a draw of latent numbers, Gaussian with a mean and a deviation of its class: how long it lasts,
where it touches, how it moves there. Classes of one family have the same latents, so a class is told from
another of its family by these numbers alone, and the exact likelihood of a draw is known (see ``oracle``).
Places are in face units (1 = distance between the pupils, x outward to the hand's own side, y down from the
eyes). All numbers were made up by hand; no real person was measured.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stream.errors import UsageError
from training.corpus.gestures import ILLUSTRATIVE

Family = Literal["touch", "two", "body", "beat"]
LATENTS: dict[Family, tuple[str, ...]] = {
    "touch": ("log_s", "x", "y", "amplitude", "rate", "angle"),  # finger tips, stroke in units, Hz, radians
    "two": ("log_s", "x", "y", "amplitude", "rate", "angle"),  # both hands, mirrored; angle 0 points up
    "body": ("log_s", "shrug", "pitch", "lips", "lean", "shake", "rate"),  # no hand
    "beat": ("log_s", "x", "y", "amplitude", "rate", "hands"),  # irregular beats while talking; above 0: both
}
PLACE, HOLD = 0.24, 0.40  # deviation of a place in face units, of the logarithm of the seconds


@dataclass(frozen=True, slots=True)
class Kind:
    """How one class is drawn: a mean and a deviation of each latent of its family."""

    label: int
    family: Family
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def hides(self) -> bool:
        """The hands are not seen while it lasts: arms behind the body."""
        return self.label == BEHIND


BEHIND = 18
_UP, _IN = 0.0, math.pi / 2


def _hand(
    family: Family, label: int, x: float, y: float, amplitude: float, rate: float, angle: float, s: float
) -> Kind:
    std = (HOLD, PLACE, PLACE, 0.02 + 0.3 * amplitude, 0.1 + 0.2 * rate, 0.35)
    return Kind(label, family, (math.log(s), x, y, amplitude, rate, angle), std)


def _body(label: int, s: float, **moves: float) -> Kind:
    names = LATENTS["body"][1:]
    values = tuple(moves.get(name, 0.0) for name in names)
    small = {"shrug": 0.06, "pitch": 0.05, "lips": 0.015, "lean": 0.12, "shake": 0.02, "rate": 0.15}
    std = tuple(small[name] + 0.2 * abs(value) for name, value in zip(names, values, strict=True))
    return Kind(label, "body", (math.log(s), *values), (HOLD, *std))


_ACROSS, _ALONG = 0.0, math.pi / 2  # of a stroke
KINDS: tuple[Kind, ...] = (
    _hand("touch", 3, 0.45, -1.65, 0.25, 3.5, _ACROSS, 1.9),
    _hand("touch", 4, 0.15, -0.75, 0.15, 3.5, _ACROSS, 1.8),
    _hand("touch", 6, 0.50, 0.00, 0.12, 2.5, _ACROSS, 1.8),
    _hand("touch", 7, 0.70, 0.70, 0.12, 3.5, _ALONG, 1.7),
    _hand("touch", 8, 1.20, 0.30, 0.12, 3.0, _ALONG, 1.8),
    _hand("touch", 9, 0.05, 1.15, 0.05, 3.0, _ACROSS, 2.8),
    _hand("touch", 10, 0.20, 1.80, 0.12, 1.2, _ACROSS, 2.6),
    _hand("touch", 11, 0.75, 2.55, 0.18, 3.0, _ALONG, 2.0),
    _hand("touch", 12, 1.10, -1.00, 0.45, 1.0, _ALONG, 2.0),
    _hand("touch", 13, 0.25, 3.30, 0.30, 2.0, _ALONG, 2.0),
    _hand("touch", 14, 0.00, 2.75, 0.03, 0.5, _ACROSS, 3.0),
    _hand("touch", 17, 0.90, 5.20, 0.80, 2.2, _ALONG, 1.8),
    _hand("touch", 21, -2.70, 5.60, 0.50, 2.5, _ALONG, 2.0),
    _hand("two", 5, 0.45, 0.50, 0.04, 0.5, _UP, 2.5),
    _hand("two", 16, -1.90, 5.90, 0.03, 0.5, _IN, 4.0),
    _hand("two", BEHIND, 2.30, 8.00, 0.03, 0.5, _IN, 3.5),
    _hand("two", 22, -0.20, 5.60, 0.35, 2.5, 0.9, 2.4),
    _hand("two", 23, -0.40, 5.70, 0.03, 0.5, 0.9, 3.2),
    _hand("two", 24, 0.08, 3.90, 0.03, 0.5, 0.25, 3.0),
    _hand("two", 29, 2.20, 8.40, 0.03, 0.5, 2.3, 3.5),
    _body(0, 1.9, shrug=0.55, pitch=0.30),
    _body(19, 2.4, lean=1.0, rate=0.5),
    _body(27, 1.9, pitch=-0.45),
    _body(28, 1.6, lips=0.14),
    _body(30, 1.7, shake=0.16, rate=5.0),
    Kind(ILLUSTRATIVE, "beat", (math.log(2.4), 1.5, 5.0, 0.6, 1.4, 0.0), (0.45, 0.6, 0.5, 0.15, 0.3, 1.0)),
)
BY_LABEL = {kind.label: kind for kind in KINDS}
# From the most to the least frequent of the made-up people; the real order is not published.
ORDER = (31, 7, 22, 10, 19, 11, 4, 12, 28, 16, 3, 13, 6, 23, 8, 30, 5, 0, 27, 14, 24, 21, 9, 17, 29, 18)
ILLUSTRATIVE_SHARE = 0.31  # of all gestures, as in the real label file


def chosen(count: int) -> tuple[int, ...]:
    """The ``count`` most frequent classes, in order. UsageError for fewer than two or more than there are."""
    if not 2 <= count <= len(ORDER):
        raise UsageError(
            f"expected 2 to {len(ORDER)} made-up classes, found {count}; the other classes of iMiGUE have no "
            "made-up form."
        )
    return ORDER[:count]


def prior(labels: Sequence[int], imbalance: float) -> NDArray[np.float64]:
    """Share of each class, float64 [len(labels)], summing to 1.

    Class 31 has its real share; the others fall geometrically, so that the rarest is ``imbalance`` times
    rarer than class 31.
    """
    others = [label for label in labels if label != ILLUSTRATIVE]
    top = ILLUSTRATIVE_SHARE if len(others) < len(labels) else 1.0
    least, rest = top / imbalance, 1 - ILLUSTRATIVE_SHARE if len(others) < len(labels) else 1.0
    # The rarest is given; the ratio between neighbours is what makes the others fill the rest.
    steps = np.arange(len(others))[::-1]
    low, high = 1.0, 1e3
    for _ in range(100):
        ratio = math.sqrt(low * high)
        low, high = (ratio, high) if least * (ratio**steps).sum() < rest else (low, ratio)
    shares = dict(zip(others, least * low**steps, strict=True))
    found = np.array([shares.get(label, top) for label in labels])
    return np.asarray(found / found.sum(), np.float64)
