"""Writes the overlay in a thread of its own: drawing never delays a live frame."""

import itertools
import queue
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Literal

from stream.errors import UsageError
from stream.overlay.writer import OverlayWriter
from stream.records import Estimate, Frame, Portrait, Pose

_Item = tuple[Frame, Portrait | None, Pose | None, Estimate | None]
_WAITING = 8  # frames that may wait for the encoder
CLOSE_S = 30.0  # for these and the end of the file


class Recorder:
    """A thread around an OverlayWriter. Fast pace waits for it; live pace drops frames and counts them."""

    def __init__(
        self,
        path: Path,
        pace: Literal["live", "fast"],
        note: str = "",
        *,
        minutes: float | None = None,
    ) -> None:
        """``note`` is written under the curve. ``minutes`` of media time in each file: ``NAME-0001.mp4``,
        ``NAME-0002.mp4`` and so on; None: one file, ``path`` itself."""
        self.dropped = 0
        self._path = path
        self._wait = pace == "fast"
        self._note, self._minutes = note, minutes
        self._queue: queue.Queue[_Item | None] = queue.Queue(_WAITING)
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="recorder", daemon=True)
        self._thread.start()

    def push(
        self, frame: Frame, portrait: Portrait | None, pose: Pose | None, estimate: Estimate | None
    ) -> None:
        """Hand over one observed frame. Raises what the writer raised before."""
        if self._failure is not None:
            raise self._failure
        try:
            self._queue.put((frame, portrait, pose, estimate), block=self._wait)
        except queue.Full:
            self.dropped += 1

    def close(self) -> None:
        """Write what waits and finish the file.

        Raises what the writer raised, and UsageError when the file takes more than ``CLOSE_S``.
        """
        with suppress(queue.Full):
            self._queue.put(None, timeout=CLOSE_S)
        self._thread.join(CLOSE_S)
        if self._failure is not None:
            raise self._failure
        if self._thread.is_alive():
            raise UsageError(
                f"{self._path}: expected the overlay to be written within {CLOSE_S:g} s, found the disk not "
                "to take it; choose another place."
            )

    def _work(self) -> None:
        try:
            self._write()
        except BaseException as error:
            self._failure = error
            while self._queue.get() is not None:
                pass  # the fast lane may wait for a place in the queue; its next push raises the failure

    def _write(self) -> None:
        item = self._queue.get()
        for path in self._paths():
            if item is None:
                return
            height, width = item[0].image.shape[:2]
            with OverlayWriter(path, (width, height), note=self._note) as writer:
                while item is not None and not self._full(writer):
                    writer.push(*item)
                    item = self._queue.get()

    def _paths(self) -> Iterator[Path]:
        if self._minutes is None:
            yield self._path
            return
        for number in itertools.count(1):
            yield self._path.with_stem(f"{self._path.stem}-{number:04d}")

    def _full(self, writer: OverlayWriter) -> bool:
        return self._minutes is not None and writer.seconds >= 60 * self._minutes
