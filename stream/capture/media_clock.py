"""The media clock of a source: when each picture was, in seconds that only run forward.

What is stamped a little earlier than the picture before it is a late picture and keeps its time; a step back
of more than `BACK_S`, a leap of more than `JUMP_S` or another picture size begins a new epoch. A live source
is held against the wall clock as well: where the stamps leap and no time has passed, the stamps are wrong,
and the new clock goes on where the old one stood.
"""

import math

BACK_S = 1.0  # a step back beyond this is another clock
LONGEST_STEP_S = 0.5  # between two pictures of a stream without a gap
JUMP_S = 2.0  # a leap ahead beyond this is a discontinuity


class MediaClock:
    """Numbers the stretches between discontinuities; makes up a missing time from the frame rate."""

    def __init__(self, rate: float, *, live: bool = False) -> None:
        """``rate``: pictures a second, for missing times. ``live``: the wall clock is to be trusted."""
        self._step_s = 1.0 / rate
        self._live = live
        self.epoch = 0
        self._newest: float | None = None  # latest time given out
        self._arrived = 0.0  # monotonic seconds of the picture before
        self._shift = 0.0  # from the source's stamps to what is given out
        self._size: tuple[int, int] | None = None

    def push(self, pts: float | None, size: tuple[int, int], arrived: float = 0.0) -> tuple[float, int]:
        """(media seconds, epoch) of the next picture of ``size`` (height, width).

        ``pts``: its stamp in seconds, None or no number where it has none. ``arrived``: monotonic seconds.
        """
        newest = self._newest
        if pts is None or not math.isfinite(pts):
            time = self._shift if newest is None else newest + self._step_s
        else:
            time = pts + self._shift
            if newest is not None and 0 < time - newest <= LONGEST_STEP_S:
                self._step_s = time - newest  # what a container announces as its rate may be its clock's
        if newest is not None:
            back, ahead = newest - time > BACK_S, time - newest > JUMP_S
            passed = max(arrived - self._arrived, self._step_s)
            if self._live and (back or (ahead and time - newest > passed + JUMP_S)):
                self._shift += newest + passed - time
                time = newest + passed
            if back or ahead or size != self._size:
                self.epoch += 1
                newest = None
        self._newest = time if newest is None else max(newest, time)
        self._arrived, self._size = arrived, size
        return time, self.epoch
