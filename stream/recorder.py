"""Writes the overlay beside the fast lane: a live frame is never late because a picture is being drawn."""

import queue
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from stream.overlay import OverlayWriter
from stream.records import Estimate, Frame, Portrait, Pose

_Item = tuple[Frame, Portrait | None, Pose | None, Estimate | None]
_WAITING = 8  # frames that may wait for the encoder


class Recorder:
    """A thread around an OverlayWriter. Pace ``fast`` waits for it, ``live`` drops and counts."""

    def __init__(
        self, path: Path, pace: Literal["live", "fast"], writer: Callable[..., OverlayWriter] = OverlayWriter
    ):
        self.dropped = 0
        self._path = path
        self._wait = pace == "fast"
        self._new_writer = writer
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
        writer: OverlayWriter | None = None
        try:
            while (item := self._queue.get()) is not None:
                frame, portrait, pose, estimate = item
                if writer is None:
                    height, width = frame.image.shape[:2]
                    writer = self._new_writer(self._path, (width, height))
                    writer.__enter__()
                writer.push(frame, portrait, pose, estimate)
        except BaseException as error:
            self._failure = error
        finally:
            if writer is not None:
                writer.__exit__(None, None, None)
            while self._failure is not None and self._queue.get() is not None:
                pass  # the fast lane may still be putting; let it find the failure
