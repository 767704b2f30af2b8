"""Reliability diagram: the share of wins among predictions of similar confidence."""

import msgspec
import numpy as np

from training.evaluation.intervals import Interval, wilson
from training.evaluation.metrics import Values, bin_of


class Bin(msgspec.Struct, frozen=True):
    """Predictions of similar confidence."""

    n: int
    confidence: float  # mean
    wins: Interval  # share of wins among them; Wilson's bounds, as if videos were independent


def diagram(win: Values, label: Values, bins: int = 10, equal_mass: bool = False) -> list[Bin]:
    """The non-empty bins in ascending order; they are those of the calibration error."""
    which = bin_of(win, bins, equal_mass)
    return [
        Bin(int(inside.sum()), float(win[inside].mean()), wilson(label[inside].sum(), int(inside.sum())))
        for inside in (which == b for b in np.unique(which))
    ]
