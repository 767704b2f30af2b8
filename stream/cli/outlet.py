"""A standard stream with a thread of its own: printing never waits for a terminal that takes nothing.

A terminal stopped with Ctrl-S, a full pipe or a full disk stalls or fails the write; the run continues. The
thread writes to the descriptor directly: a write that never returns must not hold the lock of the
interpreter's buffered stream, because the exit would wait for it.
"""

import os
import select
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from io import UnsupportedOperation
from typing import TextIO

from stream.cli.entry import OutputClosed, OutputError

CLOSE_S = 1.0  # for what waits when the run ends
POLL_MS = 100
_PIECE = select.PIPE_BUF  # bytes that a pipe with room takes without waiting


class Outlet:
    """Texts for one stream, in order. Before ``start``, and for a stream that is no file, ``put`` writes
    at once."""

    def __init__(
        self,
        stream: TextIO,
        *,
        places: int,
        waits: bool = False,
        on_closed: Callable[[], None] | None = None,
    ) -> None:
        """``places``: texts that may wait; beyond it the oldest gives way and is counted, or, with ``waits``,
        ``put`` waits until ``release``. ``on_closed`` is called once when the reader has gone."""
        self.dropped = 0
        self.failure: OSError | None = None  # the first that a write raised
        self._stream, self._places, self._on_closed = stream, places, on_closed
        self._descriptor = _descriptor(stream)
        self._waits = waits
        self._waiting: deque[str] = deque()
        self._changed = threading.Condition()
        self._busy = self._closing = False
        self._thread = threading.Thread(target=self._work, name="outlet", daemon=True)

    def start(self) -> None:
        if self._descriptor is not None:
            with suppress(OSError, OutputClosed, OutputError):
                self._stream.flush()
            self._thread.start()

    def put(self, text: str) -> None:
        """Print ``text``. Never raises, and waits for the stream only with ``waits``."""
        if not self._thread.is_alive():
            self._write_now(text)
            return
        with self._changed:
            while self._waits and len(self._waiting) >= self._places and self._usable():
                self._changed.wait()
            if not self._usable():
                self.dropped += 1
                return
            if len(self._waiting) >= self._places:
                self._waiting.popleft()
                self.dropped += 1
            self._waiting.append(text)
            self._changed.notify_all()

    def release(self) -> None:
        """End a wait in ``put``; from now on the oldest text gives way. For a run that is to end."""
        self._waits = False
        with self._changed:  # a re-entrant lock: a signal handler may interrupt `put`, which holds it
            self._changed.notify_all()

    def close(self, last: str = "") -> None:
        """Write what waits, then ``last``, within ``CLOSE_S``; what the stream did not take is counted.

        With ``waits`` the limit begins with ``release``: a slow reader gets everything.
        """
        if not self._thread.is_alive():
            if last:
                self._write_now(last)
            return
        with self._changed:
            if last:
                self._waiting.append(last)
            self._closing = True
            self._changed.notify_all()
        while self._waits and self._thread.is_alive():
            self._thread.join(POLL_MS / 1000)
        self._thread.join(CLOSE_S)
        self._give_up()
        self._descriptor = None  # a thread that still waits writes nothing more

    def _usable(self) -> bool:
        return self.failure is None and not self._closing

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._closing:
                    self._changed.wait()
                if not self._waiting:
                    return
                text, self._busy = self._waiting.popleft(), True
                self._changed.notify_all()
            try:
                self._write(text.encode(self._stream.encoding or "utf-8", "replace"))
            except OSError as error:
                self._fail(error)
                return
            with self._changed:
                self._busy = False

    def _write(self, raw: bytes) -> None:
        poll = select.poll()
        if self._descriptor is not None:
            poll.register(self._descriptor, select.POLLOUT)
        while raw and (descriptor := self._descriptor) is not None:
            if poll.poll(POLL_MS) and self._descriptor is not None:
                with suppress(BlockingIOError):  # another process filled it
                    raw = raw[os.write(descriptor, raw[:_PIECE]) :]

    def _write_now(self, text: str) -> None:
        if self.failure is not None:
            self.dropped += 1
            return
        self._busy = True
        try:
            self._stream.write(text)
            self._stream.flush()
            self._busy = False
        except OSError as error:
            self._fail(error)
        except (OutputClosed, OutputError) as error:
            self._fail(error.reason)

    def _give_up(self) -> None:
        """Count what will not be written any more."""
        with self._changed:
            self.dropped += len(self._waiting) + self._busy
            self._waiting.clear()
            self._busy = False

    def _fail(self, error: OSError) -> None:
        with self._changed:
            self.failure = error
            self._changed.notify_all()
        self._give_up()
        if isinstance(error, BrokenPipeError) and self._on_closed is not None:
            self._on_closed()


def _descriptor(stream: TextIO) -> int | None:
    try:
        return stream.fileno()
    except (UnsupportedOperation, ValueError, OSError):
        return None
