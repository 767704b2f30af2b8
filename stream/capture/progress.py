"""Whether the decoder gets on: waits that are long enough to count, and too long to be borne."""

from collections.abc import Callable

STALL_S = 2.0  # a wait for a picture beyond this counts as a stall


class Progress:
    """Watches the decoder's own count of what it has done."""

    def __init__(self, limit_s: float, clock: Callable[[], float]) -> None:
        """``limit_s``: so long without progress is too long."""
        self.stalls = 0
        self._limit_s, self._clock = limit_s, clock
        self._seen, self._since, self._counted = 0, 0.0, False

    def moved(self) -> None:
        """A picture has come."""
        self._since, self._counted = self._clock(), False

    def too_long(self, count: int) -> bool:
        """Whether ``count`` has not changed for too long; a stall is counted once on the way there."""
        if count != self._seen:
            self._seen = count
            self.moved()
            return False
        idle = self._clock() - self._since
        if idle > self._limit_s:
            return True
        if idle > STALL_S and not self._counted:
            self.stalls += 1
            self._counted = True
        return False
