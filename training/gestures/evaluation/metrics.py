"""Figures of clip classification, from sums by subject, so that people can be drawn again and again quickly.

Macro-F1 is over the classes with at least one test clip. A figure without any clip behind it is NaN.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.corpus.gestures import CLASSES
from training.evaluation.intervals import Interval
from training.gestures.evaluation.predictions import (
    ClipPredictions,
    check_pair,
    subjects_in_order,
)

Values = NDArray[np.float64]
NAMES = ("top1", "top5", "macro_f1", "mean_recall", "head", "middle", "tail", "nll", "ece")
LEVEL = 0.95
BINS = 10


@dataclass(frozen=True, slots=True)
class Frequency:
    """Which classes are head, middle and tail, by their training clips."""

    head: tuple[int, ...]
    middle: tuple[int, ...]
    tail: tuple[int, ...]


def frequency(counts: NDArray[np.int64], head: int, tail: int) -> Frequency:
    """Head: at least ``head`` training clips; tail: fewer than ``tail``; middle: between."""
    kinds = range(len(counts))
    return Frequency(
        tuple(c for c in kinds if counts[c] >= head),
        tuple(c for c in kinds if tail <= counts[c] < head),
        tuple(c for c in kinds if counts[c] < tail),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """Sums by subject; every figure is a function of their sum over subjects."""

    confusion: Values  # [S, C, C], true × said
    top5: Values  # [S], clips whose class is among the five likeliest
    nll: Values  # [S], summed
    bins: Values  # [S, 2, BINS], right answers and confidence, summed by bin of the confidence


def tally(said: ClipPredictions) -> Tally:
    """The sums of predictions whose truth is known."""
    people = subjects_in_order(said.subjects)
    n, count = len(said.ids), int(people.max()) + 1 if len(people) else 0
    best = said.chances.argmax(1)
    own = said.chances[np.arange(n), said.labels]
    better = (said.chances > own[:, None]).sum(1)
    confusion = np.zeros((count, CLASSES, CLASSES))
    np.add.at(confusion, (people, said.labels, best), 1)
    top5, loss = np.zeros(count), np.zeros(count)
    np.add.at(top5, people, better < 5)
    np.add.at(loss, people, -np.log(np.maximum(own, 1e-12)))
    sure = said.chances.max(1)
    which = np.minimum((sure * BINS).astype(int), BINS - 1)
    bins = np.zeros((count, 2, BINS))
    np.add.at(bins[:, 0], (people, which), best == said.labels)
    np.add.at(bins[:, 1], (people, which), sure)
    return Tally(confusion, top5, loss, bins)


def figures(t: Tally, times: Values, groups: Frequency) -> dict[str, Values]:
    """Every figure of R draws of people, [R] each; times: how often each subject is drawn, [R, S]."""
    s = len(t.top5)
    confusion = (times @ t.confusion.reshape(s, -1)).reshape(-1, CLASSES, CLASSES)
    clips = confusion.sum((1, 2))
    hits = np.einsum("rcc->rc", confusion)
    true, answered = confusion.sum(2), confusion.sum(1)
    with np.errstate(divide="ignore", invalid="ignore"):
        recall = hits / true
        f1 = np.where(true > 0, 2 * hits / (true + answered), np.nan)
        bins = np.einsum("rs,sib->rib", times, t.bins)
        found = {
            "top1": hits.sum(1) / clips,
            "top5": times @ t.top5 / clips,
            "macro_f1": _mean(f1),
            "mean_recall": _mean(recall),
            "head": _mean(recall[:, list(groups.head)]),
            "middle": _mean(recall[:, list(groups.middle)]),
            "tail": _mean(recall[:, list(groups.tail)]),
            "nll": times @ t.nll / clips,
            "ece": np.abs(bins[:, 0] - bins[:, 1]).sum(1) / clips,
        }
    return found


def _mean(values: Values) -> Values:
    """Mean over the last axis without NaN; NaN where nothing is left."""
    there = ~np.isnan(values)
    count = there.sum(1)
    total = np.where(there, values, 0.0).sum(1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def intervals(
    seeds: list[ClipPredictions],
    groups: Frequency,
    *,
    against: list[ClipPredictions] | None = None,
    resamples: int = 2000,
    seed: int = 0,
) -> dict[str, Interval]:
    """Mean figures over training seeds with intervals that draw seeds and people (hierarchical bootstrap).

    ``against``: another variant, seed by seed on the same clips; the figures are then differences. Seeds
    share each draw of people where they have the same ones. UsageError where the variants do not match.
    """
    for a, b in zip(seeds, against or [], strict=bool(against)):
        check_pair(a, b)
    sides = [[tally(p.known()) for p in seeds], [tally(p.known()) for p in against or []]]
    people = len(sides[0][0].top5)
    rng = np.random.default_rng(seed)
    times = rng.multinomial(people, np.full(people, 1 / people), resamples).astype(np.float64)
    chosen = rng.integers(len(seeds), size=(resamples, len(seeds)))
    whole = np.ones((1, people))
    found = {}
    values = [[figures(t, whole, groups) for t in side] for side in sides]
    drawn = [[figures(t, times, groups) for t in side] for side in sides]
    for name in NAMES:
        value = np.mean([v[name][0] for v in values[0]])
        each = np.stack([d[name] for d in drawn[0]])  # [seeds, R]
        if against:
            value = value - np.mean([v[name][0] for v in values[1]])
            each = each - np.stack([d[name] for d in drawn[1]])
        sample = np.take_along_axis(each, chosen.T, 0).mean(0)
        sample = sample[np.isfinite(sample)]
        if people < 2 or len(sample) < resamples // 2 or not np.isfinite(value):
            found[name] = Interval(float(value))
        else:
            low, high = np.quantile(sample, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]).tolist()
            found[name] = Interval(float(value), low, high, resamples - len(sample))
    return found
