"""The reader's side of the shared memory: which picture is next, and which are passed over."""

from typing import Literal

from stream.capture.decoder_link import Link
from stream.capture.shared_frames import Segment
from stream.records import Frame

Pace = Literal["live", "fast"]

BACKLOG = 2  # frames that may wait behind the one taken, so that a hiccup of the reader costs none


class FrameReader:
    """Takes published frames in order; at live pace, when more than ``BACKLOG`` wait, the newest."""

    def __init__(self, pace: Pace) -> None:
        self.skipped = 0
        self._pace = pace
        self._segments: list[tuple[int, Segment]] = []  # (first frame, segment), oldest first
        self._next = 0  # number of the next published frame to take
        self._epoch = 0

    @property
    def taken(self) -> int:
        """Frames that were given out."""
        return self._next - self.skipped

    def add(self, segment: tuple[int, Segment]) -> None:
        """A further segment, with the number of its first frame."""
        self._segments.append(segment)

    def left(self, link: Link) -> bool:
        """Whether the ring holds a frame that was not taken."""
        return self._next < link.control.get("published")

    def take(self, link: Link, published: int) -> Frame | None:
        """The next of the ``published`` frames; None for none. Every segment of theirs has been added."""
        while self._next < published:
            while len(self._segments) > 1 and self._segments[1][0] <= self._next:
                self._segments.pop(0)
            waiting = published - self._next - 1
            if self._pace == "live" and waiting > min(BACKLOG, max(0, self._segments[-1][1].slots - 2)):
                self._skip(waiting)
                continue
            found = self._segments[0][1].read(self._next)
            if found is None:  # written over while it was copied
                self._skip(1)
                continue
            self._next += 1
            if self._pace == "fast":
                link.control.set("taken", self._next)
                link.say_taken()
            meta, image = found
            jumped, self._epoch = meta.epoch != self._epoch, meta.epoch
            return Frame(meta.index, meta.pts, meta.captured, image, jumped, meta.happened)
        return None

    def clear(self) -> None:
        """Let go of the memory; the counts stay."""
        self._segments.clear()

    def _skip(self, count: int) -> None:
        self._next += count
        self.skipped += count
