"""A file that is still written, read as far as it goes and then as it grows."""

import time
from collections.abc import Callable

POLL_S = 0.05


class Following:
    """A readable file for libav that waits at its end; not seekable, so that libav reads it in order."""

    def __init__(
        self,
        path: str,
        quiet_s: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        """It has ended once it did not grow for ``quiet_s``. Raises OSError when it cannot be opened."""
        self._file = open(path, "rb", buffering=0)  # noqa: SIM115 - closed by libav
        self._quiet_s, self._clock, self._sleep = quiet_s, clock, sleep
        self._ended = False

    def read(self, size: int) -> bytes:
        """At least one byte and at most ``size``; empty at the end."""
        since = self._clock()
        while not self._ended:
            data: bytes = self._file.read(size)
            if data:
                return data
            self._ended = self._clock() - since >= self._quiet_s
            if not self._ended:
                self._sleep(POLL_S)
        return b""

    def seekable(self) -> bool:
        return False

    def close(self) -> None:
        self._file.close()
