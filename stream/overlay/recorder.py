"""Writes the overlay in a thread of its own: drawing never delays a live frame."""

import queue
import threading
from contextlib import ExitStack, suppress
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
        with ExitStack() as stack:
            writer: OverlayWriter | None = None
            while (item := self._queue.get()) is not None:
                if writer is None:
                    height, width = item[0].image.shape[:2]
                    writer = stack.enter_context(OverlayWriter(self._path, (width, height), note=self._note))
                writer.push(*item)
