"""Bookkeeping of a ring's cached rows: their numbers, validity and weights.

S streams, C cached rows in no order, L layers, h new rows (the hop), w width of a head.
"""

import math

import numpy as np
from numpy.typing import NDArray

from stream.bundle.manifest import RingSpec
from stream.records import Floats, Mask

MASKED = -1e4  # added to the score of a missing row; e^-10000 is exactly 0 in float32
# Added per cut to the scores of all older rows with --on-cut decay: one current row weighs as much as four of
# the previous scene, so a quarter of a band outweighs it, and until then it still counts.
FADED = math.log(0.25)
NEVER = -(2**62)  # number of a row that was never written: older than any band


class RowTable:
    """Numbers and weights of the cached rows of one branch. Row t is in slot t mod C."""

    def __init__(self, spec: RingSpec, streams: int, width: int) -> None:
        self._bands = np.array(spec.bands)[:, None, None]
        self._nearest, self._widest = min(spec.bands), max(spec.bands)
        low, high = (math.log(p) for p in spec.periods_s)
        self._turns = spec.step_s / np.exp(np.linspace(low, high, width // 2))  # per row, float64
        self.numbers: NDArray[np.int64] = np.empty(spec.capacity, np.int64)
        self.weights: Floats = np.empty((streams, spec.capacity), np.float32)  # 0, fades, or MASKED
        self.newest: NDArray[np.int64] = np.empty(streams, np.int64)  # numbers of the newest valid rows
        self.start = NEVER  # oldest valid row since which no gap was as long as the widest band
        self.faded = NEVER  # first row after the newest cut that decayed the rows before it
        self.forget()

    def forget(self) -> None:
        """Mark all rows as missing."""
        self.numbers[:], self.weights[:], self.newest[:] = NEVER, MASKED, NEVER
        self.start = self.faded = NEVER

    def fade(self, row: int, times: int) -> None:
        """Reduce the weight of all rows before row ``row``."""
        self.weights += np.float32(FADED * times)
        self.faded = row

    def counts(self, row: int) -> bool:
        """Whether row ``row``, itself missing, would still count (see `write`)."""
        newest = int(self.newest.max())
        return row - newest < self._nearest and newest >= self.faded

    def phases(self, row: int, cos: Floats, sin: Floats) -> None:
        """Write the rotary phases of the rows from ``row`` on into float32 [h, w]; computed in float64.

        Whole turns are subtracted before the sine, so that row 10⁸ is as exact as row 0.
        """
        turned = np.arange(row, row + len(cos), dtype=np.float64)[:, None] * self._turns
        phase = (turned - np.floor(turned)) * (2 * math.pi)
        half = phase.shape[1]
        cos[:, :half] = cos[:, half:] = np.cos(phase)
        sin[:, :half] = sin[:, half:] = np.sin(phase)

    def bias(self, row: int, out: Floats) -> None:
        """Write the bias on the scores of cached rows, for rows from ``row`` on, into float32 [L, S, h,
        C]."""
        age = np.arange(row, row + out.shape[2])[:, None] - self.numbers
        outside = np.multiply(age >= self._bands, np.float32(MASKED), dtype=np.float32)
        np.add(outside[:, None], self.weights[:, None], out=out)

    def write(self, row: int, mask: Mask) -> Mask:
        """Record that the rows from ``row`` on are cached; ``mask`` bool [S, h]: which of them are valid.

        Returns which rows count, bool [S, h]: those with a valid row in every layer's band and no decaying
        cut in between. (A factor common to all scores has no effect: if only the previous scene were visible,
        it would count in full.)
        """
        hop, slot = mask.shape[1], row % len(self.numbers)
        rows = np.arange(row, row + hop)
        self.numbers[slot : slot + hop] = rows
        self.weights[:, slot : slot + hop] = np.where(mask, np.float32(0), np.float32(MASKED))
        valid = rows[mask.any(axis=0)]
        if valid.size and valid[0] - self.newest.max() >= self._widest:
            self.start = int(valid[0])
        newest = np.maximum.accumulate(np.where(mask, rows, self.newest[:, None]), axis=1)
        self.newest[:] = newest[:, -1]
        counted: Mask = (rows - newest < self._nearest) & (newest >= self.faded)
        return counted
