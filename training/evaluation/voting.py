"""Merges several predictions for one video (repeated samplings, an ensemble) into one."""

import math
from collections.abc import Iterable
from typing import Literal

import numpy as np

from stream.branches.calibration import sigmoid
from training.evaluation.predictions import Prediction, join

MOST = 30.0  # nats; the log-odds of a confidence of exactly 1


def vote(predictions: Iterable[Prediction], how: Literal["mean", "hard"] = "mean") -> list[Prediction]:
    """One prediction per video, in the order of first appearance.

    ``mean``: mean of the logits; the confidence is that of the mean log-odds, so a certain vote weighs more
    than an uncertain one. ``hard``: each vote counts once, an undecided one half for either side; the
    confidence is (k + ½) / (n + 1) for k of n votes for win, and is not calibrated. ``seconds`` is the
    longest of the votes, ``votes`` their logits. Paper: several samplings vote, without details. Raises
    UsageError if a video has two labels or subjects.
    """
    groups: dict[str, list[Prediction]] = {}
    for p in join(list(predictions)):
        groups.setdefault(p.id, []).append(p)
    return [_merged(group, how) for group in groups.values()]


def _merged(group: list[Prediction], how: str) -> Prediction:
    logits = tuple(p.logit for p in group)
    if how == "mean":
        win, logit = sigmoid(float(np.mean([_log_odds(p.win) for p in group]))), float(np.mean(logits))
    else:
        k = sum(0.5 if p.win == 0.5 else float(p.win > 0.5) for p in group)
        win = (k + 0.5) / (len(group) + 1)
        logit = _log_odds(win)
    first, seconds = group[0], max(p.seconds for p in group)
    return Prediction(
        id=first.id,
        subject=first.subject,
        label=first.label,
        win=win,
        logit=logit,
        seconds=seconds,
        votes=logits,
    )


def _log_odds(win: float) -> float:
    if win in (0.0, 1.0):
        return MOST if win else -MOST
    return min(max(math.log(win / (1 - win)), -MOST), MOST)
