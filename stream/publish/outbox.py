"""Messages between ``publish()`` and the thread that owns the socket: bounded, the oldest gives way."""

import os
import threading
from collections import deque

QUEUE = 1024  # messages

Item = tuple[str, bytes]  # topic, encoded message


class Outbox:
    """``put`` never waits; ``descriptor`` turns readable when there is something to ``take``."""

    def __init__(self) -> None:
        self.dropped = 0
        self.closing = False
        self._lock = threading.Lock()
        self._queue: deque[Item] = deque(maxlen=QUEUE)
        self.descriptor, self._wake = os.pipe()  # holds at most one byte: _signalled
        self._signalled = False

    def put(self, item: Item) -> bool:
        """False, and nothing is kept, once the outbox is closing."""
        with self._lock:
            if self.closing:
                return False
            self.dropped += len(self._queue) == QUEUE
            self._queue.append(item)
            self._signal()
            return True

    def take(self) -> tuple[list[Item], bool]:
        """What waits, and whether nothing will follow."""
        with self._lock:
            if self._signalled:
                os.read(self.descriptor, 1)
                self._signalled = False
            batch = list(self._queue)
            self._queue.clear()
            return batch, self.closing

    def close(self) -> bool:
        """No more messages; False when it was closing already."""
        with self._lock:
            before, self.closing = self.closing, True
            if not before:
                self._signal()
            return not before

    def release(self) -> None:
        """Close the pipe; the outbox must not be used afterwards."""
        os.close(self.descriptor)
        os.close(self._wake)

    def _signal(self) -> None:
        if not self._signalled:
            self._signalled = True
            os.write(self._wake, b"\0")
