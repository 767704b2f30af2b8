"""Pseudo-labels: what stage 2 makes of a labeller's confidences.

Paper: hidden-emotion paper, stage 2 (64.4 % of its labels are right); soft, weighted and confident-only
labels are ours.
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
    """Confidences of ``labeller`` by name; a video is easy where its true events speak plainly."""
    if not pool:
        return {}
    labels = np.array([p.recording.label for p in pool])
    hard = labeller.noise == "instance"
    ease = np.array([abs(p.recording.evidence(0, p.ticks)) for p in pool]) if hard else None
    said = labeller.confidences(labels, ease, rng)
    return {p.name: float(v) for p, v in zip(pool, said, strict=True)}


def apply(pool: Sequence[Prepared], confidences: Mapping[str, float], weak: Weak) -> list[Prepared]:
    """Pool with pseudo-labels; recordings without a confidence, or not sure enough, are left out.

    A tie, both confidences alike, has no hard label in any form; as a soft one it says 0.5.
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
        chosen.append(replace(source, said=win if weak.labels == "soft" else hard, weight=weight))
    return chosen
