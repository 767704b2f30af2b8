"""When each tick of the window was: on the media clock and on the monotonic clock."""

import numpy as np

from stream.window.mirrored_buffer import MirroredBuffer


class TickTimes:
    """Seconds by tick, for the newest ``rows`` ticks."""

    def __init__(self, rows: int) -> None:
        self._pts = MirroredBuffer(rows, (), np.float64)
        self._captured = MirroredBuffer(rows, (), np.float64)

    def put(self, tick: int, pts: float, captured: float) -> None:
        self._pts.put(tick, pts)
        self._captured.put(tick, captured)

    def get(self, tick: int) -> tuple[float, float]:
        """``pts`` and ``captured`` of a tick's frame."""
        return float(self._pts.get(tick)), float(self._captured.get(tick))
