"""Metrics of confidences for win [N] against labels [N] (0 loss, 1 win); numpy only.

A confidence above 0.5 predicts win, one below predicts loss, and one of exactly 0.5 counts half for either. A
metric that is undefined for the labels (usually with only one class) is NaN, without a warning.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Metric = Callable[[Values, Values], float]


def decisions(win: Values) -> Values:
    """Predicted classes [N]: 1 win, 0 loss, 0.5 undecided."""
    return np.where(win == 0.5, 0.5, win > 0.5)


def accuracy(win: Values, label: Values) -> float:
    """Share of correct predictions."""
    return _mean(1 - np.abs(decisions(win) - label))


def balanced_accuracy(win: Values, label: Values) -> float:
    """Mean of the two classes' accuracies; NaN unless both classes occur."""
    predicted = decisions(win)
    return (_mean(predicted[label == 1]) + _mean(1 - predicted[label == 0])) / 2


def auroc(win: Values, label: Values) -> float:
    """Probability that a random win scores above a random loss, ties counting half; NaN unless both occur."""
    ranks = _ranks(win)
    wins, losses = int((label == 1).sum()), int((label == 0).sum())
    if not wins or not losses:
        return float("nan")
    return float((ranks[label == 1].sum() - wins * (wins + 1) / 2) / (wins * losses))


def _ranks(values: Values) -> Values:
    _, index, counts = np.unique(values, return_inverse=True, return_counts=True)
    upper = np.cumsum(counts)
    return (upper - (counts - 1) / 2)[index]


def f1(win: Values, label: Values) -> float:
    """F1 of the class win: 2·TP / (2·TP + FP + FN); NaN without any true or predicted win."""
    return _f1(decisions(win), label)


def macro_f1(win: Values, label: Values) -> float:
    """Mean of the F1 of win and the F1 of loss; NaN if either is."""
    predicted = decisions(win)
    return (_f1(predicted, label) + _f1(1 - predicted, 1 - label)) / 2


def _f1(predicted: Values, true: Values) -> float:
    total = float(predicted.sum() + true.sum())
    return float(2 * (predicted * true).sum() / total) if total else float("nan")


def log_loss(win: Values, target: Values) -> float:
    """Mean cross-entropy against labels or target probabilities, nats."""
    p = np.clip(win, 1e-7, 1 - 1e-7)
    return _mean(-(target * np.log(p) + (1 - target) * np.log(1 - p)))


def brier(win: Values, target: Values) -> float:
    """Mean squared distance between the confidence and the label."""
    return _mean((win - target) ** 2)


def calibration_error(win: Values, label: Values, bins: int = 10, equal_mass: bool = False) -> float:
    """Expected calibration error: mean |confidence − share of wins| over bins of the confidence for win.

    Bins are equally wide, or hold about equally many videos (``equal_mass``). With few videos the estimate is
    biased upwards, even for a calibrated confidence.
    """
    if not len(win):
        return float("nan")
    which = bin_of(win, bins, equal_mass)
    gap = np.bincount(which, win - label, minlength=bins)
    return float(np.abs(gap).sum() / len(win))


def bin_of(win: Values, bins: int, equal_mass: bool = False) -> NDArray[np.int64]:
    """Bin [N] of each confidence, 0..bins−1. Equal confidences always share a bin."""
    if not equal_mass:
        return np.minimum((win * bins).astype(np.int64), bins - 1)
    edges = np.quantile(win, np.arange(1, bins) / bins)
    return np.searchsorted(edges, win, side="right")


def calibration_error_equal_mass(win: Values, label: Values) -> float:
    """``calibration_error`` over ten bins of about equally many videos."""
    return calibration_error(win, label, equal_mass=True)


METRICS: dict[str, Metric] = {
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
    "auroc": auroc,
    "f1": f1,
    "macro_f1": macro_f1,
    "calibration_error": calibration_error,
    "calibration_error_equal_mass": calibration_error_equal_mass,
    "log_loss": log_loss,
    "brier": brier,
}
# Metrics of the confidence as a probability; the others depend on its side of 0.5 or on its order only.
OF_PROBABILITY = ("calibration_error", "calibration_error_equal_mass", "log_loss", "brier")


def figures(win: Values, label: Values) -> dict[str, float]:
    """Every metric by name."""
    return {name: metric(win, label) for name, metric in METRICS.items()}


def _mean(values: Values) -> float:
    return float(values.mean()) if len(values) else float("nan")
