"""Figures of confidences against labels; numpy only."""

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


def balanced_accuracy(win: Values, label: Values) -> float:
    """Mean of the two classes' accuracies; ``win`` > 0.5 says win, exactly 0.5 counts half."""
    says = np.where(win == 0.5, 0.5, win > 0.5)
    return float(np.mean([np.mean(says[label == 1]), np.mean(1 - says[label == 0])]))


def auroc(win: Values, label: Values) -> float:
    """Chance that a random win scores above a random loss; ties count half."""
    ranks = _ranks(win)
    wins, losses = int((label == 1).sum()), int((label == 0).sum())
    return float((ranks[label == 1].sum() - wins * (wins + 1) / 2) / (wins * losses))


def _ranks(values: Values) -> Values:
    _, index, counts = np.unique(values, return_inverse=True, return_counts=True)
    upper = np.cumsum(counts)
    return (upper - (counts - 1) / 2)[index]


def log_loss(win: Values, target: Values) -> float:
    """Mean cross-entropy against labels or target probabilities, nats."""
    p = np.clip(win, 1e-7, 1 - 1e-7)
    return float(-np.mean(target * np.log(p) + (1 - target) * np.log(1 - p)))


def calibration_error(win: Values, label: Values, bins: int = 10) -> float:
    """Expected calibration error over equal-width bins of the confidence for win."""
    which = np.minimum((win * bins).astype(int), bins - 1)
    gaps = [
        (which == b).mean() * abs(win[which == b].mean() - label[which == b].mean())
        for b in range(bins)
        if (which == b).any()
    ]
    return float(np.sum(gaps))


def figures(win: Values, label: Values) -> dict[str, float]:
    """The usual set, for logs."""
    return {
        "balanced_accuracy": balanced_accuracy(win, label),
        "auroc": auroc(win, label),
        "log_loss": log_loss(win, label),
        "calibration_error": calibration_error(win, label),
    }
