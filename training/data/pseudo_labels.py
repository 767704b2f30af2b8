"""Pseudo-labels of stage 2, from a labeller's confidences.

Paper: hidden-emotion paper, stage 2 (64.4 % of its labels are correct); soft, weighted and confident-only
labels are our additions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from training.config import Weak
from training.data.prepared import Prepared
from training.simulator.labeller import Labeller


def simulated_labels(
    pool: Sequence[Prepared], labeller: Labeller, rng: np.random.Generator
) -> dict[str, float]:
    """Confidences of a simulated labeller, by name; a video is easy if the evidence of its events is
    strong."""
    if not pool:
        return {}
    labels = np.array([p.recording.label for p in pool])
    hard = labeller.noise == "instance"
    ease = np.array([abs(p.recording.evidence(0, p.ticks)) for p in pool]) if hard else None
    confidences = labeller.confidences(labels, ease, rng)
    return {p.name: float(v) for p, v in zip(pool, confidences, strict=True)}


def apply(pool: Sequence[Prepared], confidences: Mapping[str, float], weak: Weak) -> list[Prepared]:
    """The pool with pseudo-labels, without recordings whose confidence is missing or too low.

    A tie gives no hard label in any form; its soft label is 0.5.
    """
    chosen: list[Prepared] = []
    if weak.labels == "none":
        return chosen
    for source in pool:
        win = confidences.get(source.name)
        if win is None:
            continue
        hard, sure = float(win > 0.5), abs(2 * win - 1)
        if win == 0.5 and weak.labels != "soft":
            continue
        if weak.labels == "confident" and max(win, 1 - win) < weak.confident:
            continue
        weight = weak.weight * (sure if weak.labels == "weighted" else 1.0)
        chosen.append(replace(source, pseudo_label=win if weak.labels == "soft" else hard, weight=weight))
    return chosen
