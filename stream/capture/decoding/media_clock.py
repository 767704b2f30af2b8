"""The media clock of a source: when each picture was, in seconds that only run forward, and when it is due.

What is stamped a little earlier than the picture before it is a late picture and keeps its time; a step back
of more than `BACK_S`, a leap of more than `JUMP_S` or another picture size begins a new epoch. A live source
is held against the wall clock as well: where the stamps leap and no time has passed, the stamps are wrong,
and the new clock goes on where the old one stood.
"""

import math
from dataclasses import dataclass
from typing import Literal

BACK_S = 1.0  # a step back beyond this is another clock
LONGEST_STEP_S = 0.5  # between two pictures of a stream without a gap
JUMP_S = 2.0  # a leap ahead beyond this is a discontinuity
LATE_S = 0.5  # a paced picture later than this is not worth showing …
SHOW_S = 0.5  # … unless nothing has been shown for this long

Clock = Literal["arrival", "media", "network"]


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


@dataclass(slots=True)
class Pacer:
    """Due times of pictures whose media clock is to run as fast as the monotonic one.

    Clock "media": a file; a picture that is late was made late by us and keeps its due time, so that lag
    shows. Clock "network": a playlist that arrives in bursts; one that is late was late in arriving, and
    the schedule starts again from it.
    """

    clock: Clock
    rate: float
    _anchor: tuple[float, float] | None = None  # media and monotonic time of one picture
    _epoch: int = 0
    _due: float = 0.0
    _shown: float = 0.0

    def due(self, pts: float, epoch: int, arrived: float) -> float:
        """Monotonic time at which the picture is due; ``arrived`` is when the demuxer gave it."""
        if self.clock == "arrival":
            return arrived
        if self._anchor is None:
            self._anchor = (pts, arrived)
        elif epoch != self._epoch:
            self._anchor = (
                pts,
                max(self._due + 1.0 / self.rate, arrived if self.clock == "network" else 0.0),
            )
        self._epoch = epoch
        due = self._anchor[1] + pts - self._anchor[0]
        if self.clock == "network" and arrived - due > LATE_S:
            self._anchor, due = (pts, arrived), arrived
        self._due = due
        return due

    def restart(self) -> None:
        """The next picture is due when it arrives: pictures before it were passed over."""
        self._anchor = None

    def late(self, due: float, now: float) -> bool:
        """Whether to skip a picture so as to catch up."""
        if self.clock == "media" and now - due > LATE_S and now - self._shown < SHOW_S:
            return True
        self._shown = now
        return False
