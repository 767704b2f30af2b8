"""Which ticks of a clip a branch reads: uniform sampling as in pyskl (kennymckormick/pyskl, sampling.py)."""

import numpy as np
from numpy.typing import NDArray

Ticks = NDArray[np.int64]


def uniform(length: int, count: int, rng: np.random.Generator) -> Ticks:
    """``count`` ticks of a clip of ``length`` ticks, int64 [count], sorted but for a wrap.

    length ≥ 2·count: one random tick in each of ``count`` equal segments. count ≤ length < 2·count:
    consecutive ones with length − count unit skips at random places. Shorter: consecutive from a random
    start, starting over at the clip's end. ValueError for an empty clip.
    """
    if length < 1 or count < 1:
        raise ValueError(f"expected a clip and ticks of it, found {length} and {count}")
    if length < count:
        return (int(rng.integers(length)) + np.arange(count)) % length
    if length < 2 * count:
        skips = np.zeros(count + 1, np.int64)
        skips[rng.choice(count + 1, length - count, replace=False)] = 1
        return np.arange(count) + np.cumsum(skips)[:-1]
    edges = np.arange(count + 1) * length // count
    return edges[:-1] + rng.integers(np.diff(edges))


def middle(length: int, count: int) -> Ticks:
    """The same without chance: the middle of each segment, or the clip from its first tick over and over."""
    if length < 1 or count < 1:
        raise ValueError(f"expected a clip and ticks of it, found {length} and {count}")
    if length < count:
        return np.arange(count) % length
    return ((2 * np.arange(count) + 1) * length) // (2 * count)


def stretched(length: int, count: int, share: float = 1.0, start: float = 0.0) -> NDArray[np.float64]:
    """``count`` evenly spaced places, float64 [count], over ``share`` of a clip from ``start`` (0..1).

    The first and the last lie on ticks of the part; a clip of one tick gives zeros.
    """
    span = max(length - 1, 0) * share
    first = (max(length - 1, 0) - span) * start
    return first + np.linspace(0, span, count)
