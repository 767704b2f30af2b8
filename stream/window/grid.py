"""The 25 Hz grid: everything is indexed by tick, never by frame count.

``tick = round(rate·(pts − t0))``, so that sources of 24, 29.97, 50 or 60 fps and dropped frames do not warp
time.
"""

import math

BACKWARD_S = 1.0  # a media clock that steps back by more than this is a new clock


class Grid:
    """Maps media time to ticks; the first frame that claims a tick has it."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self.origin: float | None = None  # media seconds of tick 0
        self.newest = -1
        self.late = 0  # frames whose tick was taken already

    def claim(self, pts: float, discontinuity: bool = False) -> int | None:
        """The tick of a frame, or None when an earlier frame has it.

        Where the media clock runs backwards, or stands still at a discontinuity, time goes on with the next
        tick; where it jumps ahead, what it left out is a gap.
        """
        if self.origin is None:
            self.origin = pts
        tick = self._tick(pts, self.origin)
        if tick < self.newest - BACKWARD_S * self.rate or (discontinuity and tick <= self.newest):
            self.origin = pts - (self.newest + 1) / self.rate
            tick = self.newest + 1
        if tick <= self.newest:
            self.late += 1
            return None
        self.newest = tick
        return tick

    def _tick(self, pts: float, origin: float) -> int:
        # Halves round up (50 fps lies on them), with room for the rounding of the time stamps themselves.
        return math.floor(self.rate * (pts - origin) + 0.5 + 1e-6)
