"""Writes the overlay beside the fast lane: a live frame is never late because a picture is being drawn."""

import queue
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

from stream.overlay.writer import OverlayWriter
from stream.records import Estimate, Frame, Portrait, Pose

_Item = tuple[Frame, Portrait | None, Pose | None, Estimate | None]
_WAITING = 8  # frames that may wait for the encoder


class Recorder:
    """A thread around an OverlayWriter. Pace ``fast`` waits for it, ``live`` drops and counts."""

    def __init__(self, path: Path, pace: Literal["live", "fast"], note: str = "") -> None:
        """``note`` is written under the curve."""
        self.dropped = 0
        self._path = path
        self._wait = pace == "fast"
        self._note = note
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
        """Write what waits and finish the file. Raises what the writer raised."""
        self._queue.put(None)
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    def _work(self) -> None:
        try:
            self._write()
        except BaseException as error:
            self._failure = error
            while self._queue.get() is not None:
                pass  # the fast lane may be waiting for a place; its next push raises the failure

    def _write(self) -> None:
        with ExitStack() as stack:
            writer: OverlayWriter | None = None
            while (item := self._queue.get()) is not None:
                if writer is None:
                    height, width = item[0].image.shape[:2]
                    writer = stack.enter_context(OverlayWriter(self._path, (width, height), note=self._note))
                writer.push(*item)
