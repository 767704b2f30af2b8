"""Threads that run beside the fast lane, and how they end together."""

import contextlib
import os
import threading
from collections.abc import Callable


class Lanes:
    """Starts threads, wakes the one that waits for frames, stops all; keeps what one of them raised."""

    def __init__(self) -> None:
        self._stopping = threading.Event()
        self._fresh = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._failure: BaseException | None = None

    @property
    def stopping(self) -> bool:
        return self._stopping.is_set()

    def start(self, name: str, lane: Callable[[], None], *, nice: bool = False) -> None:
        """Run ``lane`` in a thread; what it raises stops all lanes. ``nice``: it yields to the others."""

        def guarded() -> None:
            if nice:
                _be_nice()
            try:
                lane()
            except BaseException as error:
                self._failure = error
                self._stopping.set()

        thread = threading.Thread(target=guarded, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def wake(self) -> None:
        """There is a new frame."""
        with self._fresh:
            self._fresh.notify_all()

    def wait(self, timeout_s: float) -> None:
        """Wait for ``wake``, at most so long."""
        with self._fresh:
            self._fresh.wait(timeout_s)

    def sleep(self, seconds: float) -> bool:
        """Wait that long, or until the lanes are stopped; returns whether they are."""
        return self._stopping.wait(seconds)

    def stop(self) -> None:
        """Ask every lane to end. Takes no lock: a signal handler may call it."""
        self._stopping.set()

    def join(self) -> None:
        """Stop all lanes and wait for them."""
        self.stop()
        self.wake()
        for thread in self._threads:
            thread.join()

    def raise_failure(self) -> None:
        """Raise what a lane raised, if one did."""
        if self._failure is not None:
            raise self._failure


def _be_nice() -> None:
    """Yield the core to the fast lane: on Linux a thread has its own niceness."""
    with contextlib.suppress(AttributeError, OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)
