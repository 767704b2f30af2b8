"""Confidence intervals by resampling people, and a significance test between two variants.

Videos of one person are correlated, so people are resampled, each with all of their videos. Bounds are
percentiles of the bootstrap: they stay within a metric's range and need no further assumption, but are a
little narrow with few people (below about twenty). A resample in which the metric is undefined (one class
only) is redrawn and counted. A calibration error is biased upwards, more so in a resample: its lower bound
lies close to its value.
"""

import math
from collections.abc import Callable, Mapping, Sequence

import msgspec
import numpy as np
from scipy import stats

from stream.errors import UsageError
from training.evaluation.metrics import METRICS, Metric, decisions
from training.evaluation.predictions import Columns, Prediction, columns, pair

RESAMPLES = 2000
LEVEL = 0.95
MAX_DRAWS = 20  # per resample


class Interval(msgspec.Struct, frozen=True, omit_defaults=True):
    """A metric's value with its bounds; NaN if undefined, which JSON leaves out."""

    value: float = math.nan
    low: float = math.nan
    high: float = math.nan
    redrawn: int = 0  # resamples drawn again because they left the figure undefined

    def __post_init__(self) -> None:
        for name in ("value", "low", "high"):
            if math.isnan(getattr(self, name)):  # JSON omits the default NaN object only
                msgspec.structs.force_setattr(self, name, math.nan)


def shown(figure: Interval, form: str = ".3f", scale: float = 1.0) -> str:
    """``0.750 [0.600, 0.850]``, times ``scale``; "undefined" with the reason in place of what is none."""
    if math.isnan(figure.value):
        return "undefined (a class is missing)"
    value, low, high = (format(scale * x, form) for x in (figure.value, figure.low, figure.high))
    if math.isnan(figure.low):
        few = "hardly any draw of people has both classes" if figure.redrawn else "one person alone"
        return f"{value} [undefined: {few}]"
    return f"{value} [{low}, {high}]"


class Point(msgspec.Struct, frozen=True):
    """A point of a curve."""

    at: float
    figure: Interval
    n: int  # number of videos


class McNemar(msgspec.Struct, frozen=True):
    """Numbers of videos that only one of two variants gets right, and the exact two-sided p."""

    only_a: int
    only_b: int
    p: float


def wilson(k: float, n: int, level: float = LEVEL) -> Interval:
    """k correct among n independent answers, with Wilson's score interval (1927); undefined for n = 0."""
    if not 0 <= k <= n:
        raise UsageError(f"expected 0 ≤ k ≤ n answers, found k = {k} and n = {n}; count again.")
    if not n:
        return Interval()
    share, z = k / n, float(stats.norm.ppf((1 + level) / 2))
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + (z / (2 * n)) ** 2)
    # At 0 and 1 rounding could put the share just outside its bounds.
    return Interval(share, min(middle - half, share), max(middle + half, share))


def mcnemar(a: Sequence[Prediction], b: Sequence[Prediction]) -> McNemar:
    """Exact (binomial) McNemar test between two variants' answers on the same videos.

    It assumes independent videos; if people have several each, ``paired_bootstrap`` is safer.
    """
    sides = [columns(side) for side in pair(a, b)]
    right_a, right_b = (1 - np.abs(decisions(side.win) - side.label) for side in sides)
    only_a, only_b = int((right_a > right_b).sum()), int((right_b > right_a).sum())
    odd = only_a + only_b
    return McNemar(only_a, only_b, float(stats.binomtest(only_a, odd).pvalue) if odd else 1.0)


def bootstrap(
    predictions: Sequence[Prediction],
    metrics: Mapping[str, Metric] = METRICS,
    *,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
    seed: int = 0,
) -> dict[str, Interval]:
    """Each metric with its interval over subjects; no bounds for a single subject or an undefined metric."""
    return {
        name: over_seeds_and_subjects([predictions], metric, resamples=resamples, level=level, seed=seed)
        for name, metric in metrics.items()
    }


def paired_bootstrap(
    a: Sequence[Prediction],
    b: Sequence[Prediction],
    metric: Metric,
    *,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
    seed: int = 0,
) -> Interval:
    """metric(a) − metric(b) of two variants on the same videos, resampling the same people for both."""
    return over_seeds_and_subjects([a], metric, against=[b], resamples=resamples, level=level, seed=seed)


def over_seeds_and_subjects(
    seeds: Sequence[Sequence[Prediction]],
    metric: Metric,
    *,
    against: Sequence[Sequence[Prediction]] | None = None,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
    seed: int = 0,
) -> Interval:
    """Mean metric over training seeds, resampling seeds and people (hierarchical bootstrap).

    ``against``: another variant, seed by seed on the same videos; the interval is then of the difference.
    Seeds tested on the same videos share each draw of people, because independent draws per seed would
    average the variance between people away; seeds with their own videos have their own draws. Two or three
    seeds give a poor estimate of the variance between seeds. Raises UsageError if the variants do not match.
    """
    if not seeds or (against is not None and len(against) != len(seeds)):
        found = "none" if not seeds else f"{len(seeds)} and {len(against or ())}"
        raise UsageError(f"expected as many seeds for both variants, at least one, found {found}; run more.")
    sides = [pair(a, b) for a, b in zip(seeds, against, strict=True)] if against else [(s,) for s in seeds]
    runs = [[columns(side) for side in pairs] for pairs in sides]
    people = [int(run[0].subject.max()) + 1 for run in runs]
    shared = len({frozenset((p.id, p.subject) for p in pairs[0]) for pairs in sides}) == 1

    def resample(rng: np.random.Generator) -> float:
        chosen = rng.integers(len(runs), size=len(runs))
        common = _draw(people[0], rng)
        return float(
            np.mean([value_of(runs[i], common if shared else _draw(people[i], rng)) for i in chosen])
        )

    def value_of(run: Sequence[Columns], times: np.ndarray) -> float:
        first, *other = (_resampled(side, metric, times) for side in run)
        return first - sum(other)

    value = float(np.mean([value_of(run, np.ones(s, np.int64)) for run, s in zip(runs, people, strict=True)]))
    if not math.isfinite(value) or max(people) < 2:
        return Interval(value)
    return _percentile(value, resample, resamples, level, np.random.default_rng(seed))


def _draw(people: int, rng: np.random.Generator) -> np.ndarray:
    """Number of times that each subject is drawn, int64 [people]."""
    return np.bincount(rng.integers(people, size=people), minlength=people)


def _resampled(data: Columns, metric: Metric, times: np.ndarray) -> float:
    rows = np.repeat(np.arange(len(data.win)), times[data.subject])
    return metric(data.win[rows], data.label[rows])


def _percentile(
    value: float,
    resample: Callable[[np.random.Generator], float],
    resamples: int,
    level: float,
    rng: np.random.Generator,
) -> Interval:
    kept: list[float] = []
    for draws in range(1, MAX_DRAWS * resamples + 1):
        figure = resample(rng)
        if math.isfinite(figure):
            kept.append(figure)
        if len(kept) == resamples:
            low, high = np.quantile(kept, [(1 - level) / 2, (1 + level) / 2]).tolist()
            return Interval(value, low, high, draws - resamples)
    return Interval(
        value, redrawn=MAX_DRAWS * resamples - len(kept)
    )  # undefined in most resamples: no bounds
