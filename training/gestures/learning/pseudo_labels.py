"""Cross-modal pseudo-labelling (CMPL): for each branch the *other* branches label the pool.

A clip is accepted for a branch where the mean of the other branches is sure enough of one class, and where
all of them but at most one (two at least, where there are two) have that class first. Thresholds are by
class, so that rare classes are not starved by one fixed threshold (Guo & Li, ICML 2022; CReST). Nothing
here is given the labels of the pool: true ones, where they are known, only measure what was accepted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from training.corpus.gestures import CLASSES, HIDDEN, ILLUSTRATIVE
from training.gestures.learning.voting import Chances
from training.gestures.recipe import PseudoLabels


@dataclass(frozen=True, slots=True, eq=False)
class Accepted:
    """Pool clips with a label for one branch."""

    rows: NDArray[np.int64]  # [n], places in the pool
    labels: NDArray[np.int64]  # [n]
    confidence: NDArray[np.float64]  # [n], of the teachers' mean


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """How many were accepted for a branch, and how right they are where the truth is known."""

    branch: str
    pool: int
    accepted: int
    coverage: float  # share of the pool
    precision: float | None  # None where no truth is known
    by_class: dict[int, tuple[int, float | None]]  # accepted as this class, share of them that are it


def teachers(names: Sequence[str], branch: str, settings: PseudoLabels) -> list[str]:
    """Who labels for ``branch``: the others, or (to compare with) itself."""
    return [branch] if settings.teachers == "self" else [name for name in names if name != branch]


def consensus(said: Sequence[Chances]) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_]]:
    """Class [U], confidence [U] and agreement [U] of teachers' probabilities [U, C]."""
    mean = np.mean(said, axis=0)
    best = mean.argmax(1)
    agree = np.sum([p.argmax(1) == best for p in said], axis=0)
    needed = max(len(said) - 1, min(2, len(said)))
    return best.astype(np.int64), mean.max(1), np.asarray(agree >= needed, np.bool_)


def thresholds(
    best: NDArray[np.int64], confidence: NDArray[np.float64], settings: PseudoLabels
) -> NDArray[np.float64]:
    """τ of each class, float64 [32]: the recipe's, lowered to a quantile of the class's confidences in the
    pool."""
    found = np.full(CLASSES, settings.threshold)
    for c in range(CLASSES):
        own = confidence[best == c]
        if len(own):
            found[c] = max(
                settings.floor, min(settings.threshold, float(np.quantile(own, settings.quantile)))
            )
    return found


def caps(counts: NDArray[np.int64], settings: PseudoLabels) -> NDArray[np.int64]:
    """The most clips that each class may gain, int64 [32]; class 31 gains as much as the largest other
    class."""
    found = np.floor(settings.class_cap * counts).astype(np.int64)
    others = np.delete(found, ILLUSTRATIVE)
    found[ILLUSTRATIVE] = min(int(found[ILLUSTRATIVE]), int(others.max()))
    return np.asarray(found, np.int64)


def accept(
    said: Mapping[str, Chances],
    branch: str,
    counts: NDArray[np.int64],
    settings: PseudoLabels,
    tau: NDArray[np.float64] | None = None,
) -> tuple[Accepted, NDArray[np.float64]]:
    """What ``branch`` may learn of a pool, and the thresholds; ``tau``: those of another pool, without caps.

    said: probabilities of every branch, [U, 32]; counts: labelled clips of each class, [32].
    """
    best, confidence, agreed = consensus([said[name] for name in teachers(list(said), branch, settings)])
    limits = thresholds(best, confidence, settings) if tau is None else tau
    kept = np.flatnonzero(agreed & (confidence >= limits[best]))
    kept = kept[np.argsort(-confidence[kept], kind="stable")]
    if tau is None:
        most, all_of_them = caps(counts, settings), int(settings.share_cap * counts.sum())
        rank = np.zeros(len(kept), np.int64)
        for c in np.unique(best[kept]).tolist():
            own = best[kept] == c
            rank[own] = np.arange(own.sum())
        kept = kept[rank < most[best[kept]]][:all_of_them]
    return Accepted(np.sort(kept), best[np.sort(kept)], confidence[np.sort(kept)]), limits


def corrupted(accepted: Accepted, settings: PseudoLabels, seed: int) -> Accepted:
    """A share of the labels replaced by another accepted class at random: the study of label noise."""
    if not settings.corrupt or not len(accepted.rows):
        return accepted
    rng = np.random.default_rng([seed, 8111])
    labels = accepted.labels.copy()
    wrong = rng.random(len(labels)) < settings.corrupt
    kinds = np.unique(labels)
    if len(kinds) > 1:
        steps = rng.integers(1, len(kinds), wrong.sum())
        labels[wrong] = kinds[(np.searchsorted(kinds, labels[wrong]) + steps) % len(kinds)]
    return Accepted(accepted.rows, labels, accepted.confidence)


def quality(branch: str, accepted: Accepted, truth: NDArray[np.int64]) -> Quality:
    """``truth``: labels of the pool, −1 where unknown; read after the decision and for the log alone."""
    true = truth[accepted.rows]
    known = true != HIDDEN
    right = accepted.labels == true

    def share(which: NDArray[np.bool_]) -> float | None:
        return float(right[which].mean()) if which.any() else None

    by_class = {}
    for c in np.unique(accepted.labels).tolist():
        own = accepted.labels == c
        by_class[c] = (int(own.sum()), share(own & known))
    return Quality(
        branch=branch,
        pool=len(truth),
        accepted=len(accepted.rows),
        coverage=len(accepted.rows) / max(len(truth), 1),
        precision=share(known),
        by_class=by_class,
    )
