"""When a picture is due."""

from dataclasses import dataclass
from typing import Literal

LATE_S = 0.5  # a paced picture later than this is not worth showing …
SHOW_S = 0.5  # … unless nothing has been shown for this long

Clock = Literal["arrival", "media", "network"]


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

    def late(self, due: float, now: float) -> bool:
        """Whether to skip a picture so as to catch up."""
        if self.clock == "media" and now - due > LATE_S and now - self._shown < SHOW_S:
            return True
        self._shown = now
        return False
