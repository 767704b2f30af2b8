"""An array of the newest rows that is never shifted: a write costs the same however many rows there are."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


class MirroredBuffer:
    """Rows by tick, each written twice, so that the newest ``n`` rows are always one contiguous view."""

    def __init__(self, rows: int, shape: tuple[int, ...], dtype: type[np.generic]) -> None:
        self.rows = rows
        # Written, not only reserved: a process that will need this memory in two minutes has it now.
        self._buffer: NDArray[Any] = np.empty((2 * rows, *shape), dtype)
        self._buffer.fill(0)

    def put(self, tick: int, value: object) -> None:
        slot = tick % self.rows
        self._buffer[slot] = value
        self._buffer[slot + self.rows] = value

    def clear(self, first: int, last: int) -> None:
        """Zero the rows of ticks first..last, both included."""
        for tick in range(max(first, last - self.rows + 1), last + 1):
            self.put(tick, 0)

    def get(self, tick: int) -> Any:
        return self._buffer[tick % self.rows]

    def view(self, tick: int, n: int) -> NDArray[Any]:
        """Rows of ticks tick−n+1 … tick, oldest first; no copy. ``n ≤ rows``."""
        stop = tick % self.rows + self.rows + 1
        return self._buffer[stop - n : stop]

    def reset(self) -> None:
        self._buffer[...] = 0
