"""What a ring's host knows of its cached rows: their numbers, whether they count, and for how much.

S streams, C cached rows in no order, L layers, h new rows (the hop), w width of a head.
"""

import math

import numpy as np
from numpy.typing import NDArray

from stream.bundle.manifest import RingSpec
from stream.records import Floats, Mask

MASKED = -1e4  # added to the score of a row that is not there; e^-10000 is exactly 0 in float32
# Added to the scores of everything older, per cut, where what came before a cut is to fade: one row of now
# weighs as much as four of the scene before, so a quarter of a band outweighs it and it is not lost before.
FADED = math.log(0.25)
NEVER = -(2**62)  # the number of a row that was never written: older than any band


class Remembered:
    """Numbers and weights of the cached rows of one branch. Row t lies in slot t mod C."""

    def __init__(self, spec: RingSpec, streams: int, width: int) -> None:
        self._bands = np.array(spec.bands)[:, None, None]
        self._nearest, self._widest = min(spec.bands), max(spec.bands)
        low, high = (math.log(p) for p in spec.periods_s)
        self._turns = spec.step_s / np.exp(np.linspace(low, high, width // 2))  # per row, float64
        self.numbers: NDArray[np.int64] = np.empty(spec.capacity, np.int64)
        self.weights: Floats = np.empty((streams, spec.capacity), np.float32)  # 0, fades, or MASKED
        self.newest: NDArray[np.int64] = np.empty(streams, np.int64)  # numbers of the newest valid rows
        self.begun = NEVER  # oldest valid row since which no gap was as long as the widest band
        self.faded = NEVER  # first row after the newest cut that let the rest fade
        self.forget()

    def forget(self) -> None:
        """Nothing that was written is there any more."""
        self.numbers[:], self.weights[:], self.newest[:] = NEVER, MASKED, NEVER
        self.begun = self.faded = NEVER

    def fade(self, row: int, times: int) -> None:
        """What was written before row ``row`` counts for less."""
        self.weights += np.float32(FADED * times)
        self.faded = row

    def hears(self, row: int) -> bool:
        """Whether row ``row``, itself missing, would still be heard (see `write`)."""
        newest = int(self.newest.max())
        return row - newest < self._nearest and newest >= self.faded

    def phases(self, row: int, cos: Floats, sin: Floats) -> None:
        """Rotary phases of the rows from ``row`` on, written into float32 [h, w]; float64 inside.

        Whole turns are dropped before the sine, so that row 10⁸ is as exact as row 0.
        """
        turned = np.arange(row, row + len(cos), dtype=np.float64)[:, None] * self._turns
        phase = (turned - np.floor(turned)) * (2 * math.pi)
        half = phase.shape[1]
        cos[:, :half] = cos[:, half:] = np.cos(phase)
        sin[:, :half] = sin[:, half:] = np.sin(phase)

    def bias(self, row: int, out: Floats) -> None:
        """What is added to the scores of cached rows, for rows from ``row`` on; float32 [L, S, h, C]."""
        age = np.arange(row, row + out.shape[2])[:, None] - self.numbers
        outside = np.multiply(age >= self._bands, np.float32(MASKED), dtype=np.float32)
        np.add(outside[:, None], self.weights[:, None], out=out)

    def write(self, row: int, mask: Mask) -> Mask:
        """Rows from ``row`` on are cached now; ``mask`` bool [S, h] says which are valid.

        Returns which are heard, bool [S, h]: a valid row lies in every layer's band of theirs, and no cut
        that lets the rest fade in between. (Among alike scores a common factor has no effect: where only the
        scene before is there to see, it would count in full.)
        """
        hop, slot = mask.shape[1], row % len(self.numbers)
        rows = np.arange(row, row + hop)
        self.numbers[slot : slot + hop] = rows
        self.weights[:, slot : slot + hop] = np.where(mask, np.float32(0), np.float32(MASKED))
        valid = rows[mask.any(axis=0)]
        if valid.size and valid[0] - self.newest.max() >= self._widest:
            self.begun = int(valid[0])
        newest = np.maximum.accumulate(np.where(mask, rows, self.newest[:, None]), axis=1)
        self.newest[:] = newest[:, -1]
        heard: Mask = (rows - newest < self._nearest) & (newest >= self.faded)
        return heard
