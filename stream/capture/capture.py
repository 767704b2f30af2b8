"""Frames from a source, by way of a decoder process that can be killed at any time."""

import json
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import stream
from stream.capture.picture import StreamInfo
from stream.capture.ring import Control, Segment
from stream.capture.source import Source
from stream.errors import SourceError, SourceTimeout
from stream.records import Frame

Pace = Literal["live", "fast"]

BACKLOG = 2  # frames that may wait behind the one taken, so that a hiccup of the reader costs none
STALL_S = 2.0  # a wait for a picture beyond this counts as a stall
MARGIN_S = 0.5  # the child's own timeout, which knows more, comes first
LEAVE_S = 1.0  # for the child to leave before it is killed
_MOST_MESSAGE = 1 << 16
_POLL_S = 0.5
# The package's own folder first, then the parent's path: the child imports what the parent imports. The
# request, which may hold credentials, goes over the socket: an argument is readable by everyone.
_BOOT = (
    "import sys; sys.path[:] = sys.argv[4:]; "
    "from stream.capture.child import main; main(*map(int, sys.argv[1:4]))"
)


class Capture:
    """Frames of one source; a context manager.

    Pace "fast": the child waits for the reader; every frame is given out, in order, the same ones on every
    run. Pace "live": frames come when due, the child never waits, and a reader that is late by more than
    ``BACKLOG`` frames goes on with the newest; what was skipped is counted.
    """

    def __init__(
        self,
        source: Source,
        *,
        pace: Pace,
        open_timeout_s: float = 10.0,
        read_timeout_s: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
        start_at_s: float = 0.0,
    ) -> None:
        """Opens nothing yet. ``start_at_s`` counts from the first picture of the source, in media seconds."""
        self.source, self.pace = source, pace
        self.info: StreamInfo | None = None
        self.ended = False
        self._open_timeout_s, self._read_timeout_s, self._clock = open_timeout_s, read_timeout_s, clock
        self._start_at_s = start_at_s
        self._child: subprocess.Popen[bytes] | None = None
        self._link: socket.socket | None = None
        self._wake = -1
        self._control: Control | None = None
        self._segments: list[tuple[int, Segment]] = []  # (first frame, segment), oldest first
        self._next = 0  # number of the next published frame to take
        self._skipped = 0
        self._stalls = 0
        self._epoch = 0
        self._pending: Frame | None = None  # the first frame, which open() waited for
        self._failure: SourceError | None = None
        self._child_ended = False
        self._progress = 0
        self._progress_at = 0.0
        self._stalled = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def child_pid(self) -> int | None:
        """Process id of the decoder, None before ``open`` and after ``close``."""
        return None if self._child is None else self._child.pid

    @property
    def counters(self) -> dict[str, Any]:
        """``decoded``, ``taken``, ``dropped`` {cause: n}, ``errors`` (packets not decoded), ``stalls``.

        After the end ``decoded`` = ``taken`` + all of ``dropped``; before it some may be in the ring.
        """
        control = self._control
        of = control.get if control is not None else lambda word: 0
        dropped = {"newest_wins": self._skipped, "corrupt": of("corrupt"), "late": of("late")}
        taken = self._next - self._skipped
        return {
            "decoded": of("decoded"),
            "taken": taken,
            "dropped": dropped,
            "errors": of("errors"),
            "stalls": self._stalls,
        }

    def open(self) -> None:
        """Starts the decoder and waits for the first frame; raises SourceError or SourceTimeout."""
        if self._child is not None:
            raise SourceError(f"{self.source.name} is open already; make another Capture")
        self._start()
        deadline = self._clock() + self._open_timeout_s + MARGIN_S
        try:
            while self._pending is None:
                left = deadline - self._clock()
                if left <= 0:
                    raise SourceTimeout(
                        f"{self.source.name} gave no picture within {self._open_timeout_s:g} s; "
                        "check that it is running and sending video"
                    )
                self._pending = self._wait(left, watched=False)
                if self._pending is None and self._child_ended:
                    raise SourceError(
                        f"{self.source.name} ended without one whole picture; it is damaged or empty"
                    )
        except BaseException:
            self.close()
            raise

    def next(self, timeout_s: float) -> Frame | None:
        """The next frame, or None when none came within ``timeout_s`` or the source has ended.

        Raises SourceError or SourceTimeout when the source broke, after every frame before it was given out.
        """
        if self._pending is not None:
            first, self._pending = self._pending, None
            self._progress_at = self._clock()
            return first
        if self._control is None or self._wake < 0:
            raise self._failure or SourceError(f"{self.source.name} is not open; call open() first")
        frame = self._wait(timeout_s, watched=True)
        if frame is None and self._child_ended:
            self.ended = True
        return frame

    def close(self) -> None:
        """Ends the decoder, by force after a second. Counters stay readable. Safe to call twice."""
        if self._link is not None:
            self._link.close()  # the child sees the end of the line and leaves
            self._link = None
        if self._wake >= 0:
            os.close(self._wake)
            self._wake = -1
        if self._child is not None:
            for last_resort in (self._child.kill, lambda: None):
                try:
                    self._child.wait(LEAVE_S)
                    break
                except subprocess.TimeoutExpired:
                    last_resort()
            self._child = None
        self._segments.clear()

    def _start(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._wake, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        control = Control.create()
        root = str(Path(stream.__file__).resolve().parents[1])
        self._child = subprocess.Popen(
            [
                sys.executable, "-c", _BOOT,
                str(theirs.fileno()), str(control), str(wake), root, *(p for p in sys.path if p),
            ],
            pass_fds=(theirs.fileno(), control, wake),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},  # no idle thread pool: it only copies
            process_group=0,  # Ctrl-C is the parent's business
        )  # fmt: skip
        self._control = Control(control)
        for fd in (control, wake):
            os.close(fd)
        theirs.close()
        self._link = ours
        source = self.source
        request = {
            "kind": source.kind,
            "url": source.url,
            "name": source.name,
            "picture_format": source.picture_format,
            "pace": self.pace,
            "start_at_s": self._start_at_s,
            "deadline": time.monotonic() + self._open_timeout_s,
            "read_timeout_s": self._read_timeout_s,
        }
        ours.send(json.dumps(request).encode())
        ours.setblocking(False)

    def _wait(self, timeout_s: float, *, watched: bool) -> Frame | None:
        """The next frame within ``timeout_s``; ``watched`` raises SourceTimeout when the decoder is stuck."""
        deadline = self._clock() + timeout_s
        while True:
            frame = self._take()
            if frame is not None:
                return frame
            if self._failure is not None:
                raise self._failure
            if self._child_ended:
                return None
            if watched:
                self._watch()
            left = deadline - self._clock()
            if left <= 0:
                return None
            poll = select.poll()
            poll.register(self._wake, select.POLLIN)
            if self._link is not None:
                poll.register(self._link, select.POLLIN)
            poll.poll(min(left, _POLL_S) * 1000)

    def _take(self) -> Frame | None:
        """The frame whose turn it is, if one lies in the ring."""
        assert self._control is not None
        with suppress(BlockingIOError):
            os.read(self._wake, _MOST_MESSAGE)
        published = self._control.get("published")
        self._read_messages()  # after the count: a segment is announced before its first frame is counted
        while self._next < published:
            waiting = published - self._next
            allowed = min(BACKLOG + 1, max(1, self._segments[-1][1].slots - 1))
            if self.pace == "live" and waiting > allowed:
                self._skipped += waiting - 1
                self._next = published - 1
            while len(self._segments) > 1 and self._segments[1][0] <= self._next:
                self._segments.pop(0)
            found = self._segments[0][1].read(self._next)
            self._next += 1
            if found is None:  # written over while it was copied
                self._skipped += 1
                published = self._control.get("published")
                self._read_messages()
                continue
            if self.pace == "fast":
                self._control.set("taken", self._next)
                self._say_taken()
            meta, image = found
            jumped, self._epoch = meta.epoch != self._epoch, meta.epoch
            self._progress_at, self._stalled = self._clock(), False
            return Frame(meta.index, meta.pts, meta.captured, image, jumped)
        return None

    def _say_taken(self) -> None:
        if self._link is None:
            return
        # Full: the child has enough to wake up from. Gone: the next read says so.
        with suppress(BlockingIOError, BrokenPipeError, ConnectionResetError):
            self._link.send(b"t")

    def _read_messages(self) -> None:
        while self._link is not None:
            try:
                data, fds, _, _ = socket.recv_fds(self._link, _MOST_MESSAGE, 1)
            except BlockingIOError:
                return
            except ConnectionResetError:
                data, fds = b"", []
            if not data:
                self._link.close()
                self._link = None
                if not self._child_ended and self._failure is None:
                    self._failure = self._post_mortem()
                return
            message = json.loads(data)
            if "segment" in message:
                shape = message["segment"]
                self._segments.append((shape["first"], Segment(fds[0], shape["slots"], shape["slot_bytes"])))
                os.close(fds[0])
            elif "info" in message:
                self.info = StreamInfo(**message["info"])
            elif "error" in message:
                kind = SourceTimeout if message["timeout"] else SourceError
                self._failure = kind(message["error"])
            elif "end" in message:
                self._child_ended = True

    def _watch(self) -> None:
        """Raises SourceTimeout when the decoder has made no progress for the read timeout."""
        assert self._control is not None
        progress, now = self._control.get("progress"), self._clock()
        if progress != self._progress:
            self._progress, self._progress_at, self._stalled = progress, now, False
            return
        idle = now - self._progress_at
        if idle > STALL_S and not self._stalled:
            self._stalls, self._stalled = self._stalls + 1, True
        if idle > self._read_timeout_s + MARGIN_S:
            self._failure = SourceTimeout(
                f"{self.source.name} gave no picture for {self._read_timeout_s:g} s; "
                "check that it is running and sending video"
            )
            self.close()
            raise self._failure

    def _post_mortem(self) -> SourceError:
        assert self._child is not None
        try:
            code = self._child.wait(LEAVE_S)
        except subprocess.TimeoutExpired:
            self._child.kill()
            code = self._child.wait()
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        return SourceError(f"{self.source.name}: the decoder process ended by {how}; start it again")
