"""Frames from a source, by way of a decoder process that can be killed at any time."""

import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Literal, Self

from stream.capture.decoder_link import Link
from stream.capture.frame_reader import FrameReader, Pace
from stream.capture.picture import StreamInfo
from stream.capture.progress import Progress
from stream.capture.source import Source
from stream.errors import SourceError, SourceTimeout
from stream.records import Frame

MARGIN_S = 0.5  # the child's own timeout, which knows more, comes first
_POLL_S = 0.5


class Capture:
    """Frames of one source; a context manager, for one thread (any may read ``counters``, ``child_pid``).

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
        stream: int | None = None,
    ) -> None:
        """Opens nothing yet. ``start_at_s`` counts from the first picture of the source, in media seconds.

        ``stream``: place among its video streams; None: the default one, else the largest.
        """
        self.source, self.pace = source, pace
        self.info: StreamInfo | None = None
        self.ended = False  # every frame was given out and no more will come
        self._request: dict[str, Any] = {
            "kind": source.kind,
            "url": source.url,
            "name": source.name,
            "picture_format": source.picture_format,
            "allowed": source.access.permitted,
            "follow": source.access.follow,
            "max_lag_s": source.access.max_lag_s,
            "rtsp_transport": source.access.rtsp_transport,
            "pace": pace,
            "start_at_s": start_at_s,
            "stream": stream,
            "open_timeout_s": open_timeout_s,
            "read_timeout_s": read_timeout_s,
        }
        self._clock = clock
        self._link: Link | None = None
        self._reader = FrameReader(pace)
        self._progress = Progress(read_timeout_s + MARGIN_S, clock)
        self._first: Frame | None = None  # what open() waited for
        self._last_word: SourceError | Literal["end"] | None = None  # of the child
        self._counts = dict.fromkeys(("decoded", "corrupt", "late", "errors", "segments", "behind"), 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def child_pid(self) -> int | None:
        """Process id of the decoder, None before ``open`` and after ``close``."""
        link = self._link
        return None if link is None else link.pid

    @property
    def counters(self) -> dict[str, Any]:
        """``decoded``, ``taken``, ``dropped`` {cause: n}, ``errors`` (packets not decoded), ``stalls``,
        ``segments`` (of a playlist, listed and not there).

        After the end ``decoded`` = ``taken`` + all of ``dropped``; before it some may be in the ring.
        """
        link, counts = self._link, self._counts
        if link is not None:
            counts = {word: link.control.get(word) for word in counts}
        dropped = {word: counts[word] for word in ("corrupt", "late", "behind")}
        return {
            "decoded": counts["decoded"],
            "taken": self._reader.taken,
            "dropped": {"newest_wins": self._reader.skipped, **dropped},
            "errors": counts["errors"],
            "segments": counts["segments"],
            "stalls": self._progress.stalls,
        }

    def open(self, stop: Callable[[], bool] = lambda: False) -> bool:
        """Starts the decoder and waits for the first frame; False when ``stop()`` said so before it came.

        Raises SourceError or SourceTimeout.
        """
        if self._link is not None:
            raise SourceError(f"{self.source.name} is open already; make another Capture")
        limit_s: float = self._request["open_timeout_s"]
        deadline = time.monotonic() + limit_s  # of a clock that the child shares
        link = self._link = Link({**self._request, "deadline": deadline})
        try:
            self._first = self._wait(link, limit_s + MARGIN_S, watched=False, stop=stop)
            if self._first is None and self._last_word == "end":
                raise SourceError(
                    f"{self.source.name} ended without one whole picture; it is damaged or empty"
                )
            if self._first is None and not stop():
                raise self._silent(f"within {limit_s:g} s")
        except BaseException:
            self.close()
            raise
        return self._first is not None

    def next(self, timeout_s: float) -> Frame | None:
        """The next frame, or None when none came within ``timeout_s`` or the source has ended.

        Raises SourceError or SourceTimeout when the source broke, after every frame before it was given out.
        """
        if self._link is None:
            if isinstance(self._last_word, SourceError):
                raise self._last_word
            raise SourceError(f"{self.source.name} is not open; call open() first")
        if self._first is not None:
            first, self._first = self._first, None
            self._progress.moved()
            return first
        frame = self._wait(self._link, timeout_s, watched=True)
        self.ended = frame is None and self._last_word == "end"
        return frame

    def frames(self, stop: Callable[[], bool] = lambda: False, poll_s: float = 0.1) -> Iterator[Frame]:
        """Every frame until the source ends, or ``stop()`` says so; it is asked at least every ``poll_s``.

        Raises SourceError or SourceTimeout when the source breaks.
        """
        while not stop():
            frame = self.next(poll_s)
            if frame is not None:
                yield frame
            elif self.ended:
                return

    def close(self) -> None:
        """Ends the decoder, by force after a second. Counters stay readable. Safe to call twice."""
        if self._link is None:
            return
        self._link.close()
        self._counts = {word: self._link.control.get(word) for word in self._counts}
        self._link = self._first = None
        self._reader.clear()

    def _wait(
        self, link: Link, timeout_s: float, *, watched: bool, stop: Callable[[], bool] = lambda: False
    ) -> Frame | None:
        """The next frame within ``timeout_s``; ``watched`` raises SourceTimeout when the decoder is stuck."""
        deadline = self._clock() + timeout_s
        while True:
            frame = self._take(link)
            if frame is not None:
                return frame
            if isinstance(self._last_word, SourceError):
                raise self._last_word
            left = deadline - self._clock()
            if self._last_word == "end" or left <= 0 or stop():
                return None
            if watched:
                self._watch(link)
            link.wait(min(left, _POLL_S))

    def _take(self, link: Link) -> Frame | None:
        """The frame whose turn it is, if one lies in the ring."""
        while True:
            published = link.control.get("published")
            self._listen(link)  # after the count: a segment is announced before its first frame is counted
            frame = self._reader.take(link, published)
            if frame is not None:
                self._progress.moved()
                return frame
            if self._last_word is None or not self._reader.left(link):
                return None
            # The child published and said its last word between the two looks.

    def _listen(self, link: Link) -> None:
        for message in link.messages():
            if message.segment is not None:
                self._reader.add(message.segment)
            elif message.info is not None:
                self.info = message.info
            elif message.fault is not None:
                self._last_word = message.fault
            elif message.ended:
                self._last_word = "end"
        if link.closed and self._last_word is None:
            how = link.how_it_ended()
            self._last_word = SourceError(f"{self.source.name}: the decoder ended by {how}; start it again")

    def _watch(self, link: Link) -> None:
        """Raises SourceTimeout when the decoder has made no progress for the read timeout."""
        if self._progress.too_long(link.control.get("progress")):
            self._last_word = self._silent(f"for {self._request['read_timeout_s']:g} s")
            self.close()
            raise self._last_word

    def _silent(self, how_long: str) -> SourceTimeout:
        return SourceTimeout(
            f"{self.source.name} gave no picture {how_long}; check that it is running and sending video"
        )
