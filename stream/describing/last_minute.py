"""The last minute of pictures, small and compressed, ready to become a video without sound.

The fast lane hands over a reference to a frame; everything else happens in a thread of low priority.
"""

import os
import threading
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from stream.overlay.mp4 import TICKS, Mp4
from stream.records import Frame, Image

SPAN_S = 60.0
FPS = 5.0
HEIGHT = 480  # pixels at most
BYTES = 32 << 20  # all compressed pictures together; beyond it the oldest are dropped
QUALITY = 85  # of JPEG, 0..100
POLL_S = 0.05

_Jpeg = NDArray[np.uint8]  # [bytes]


@dataclass(frozen=True, slots=True, eq=False)
class Film:
    """Pictures of one scene, oldest first; at least one."""

    pictures: tuple[tuple[float, _Jpeg], ...]  # media seconds, compressed picture
    scene: int

    @property
    def end(self) -> float:
        """Media seconds of the last picture."""
        return self.pictures[-1][0]

    @property
    def seconds(self) -> float:
        return self.end - self.pictures[0][0]

    def write(self, path: Path, stop: threading.Event) -> bool:
        """Write an MP4 without sound; False, and no file, when ``stop`` is set. UsageError: disk full."""
        first_pts = self.pictures[0][0]
        first = _decoded(self.pictures[0][1])
        height, width = first.shape[:2]
        file = Mp4(path, (width, height), FPS, crf=26, order="bgr24")
        try:
            for pts, jpeg in self.pictures:
                if stop.is_set():
                    return False
                file.write(_decoded(jpeg), round((pts - first_pts) * TICKS))
        finally:
            file.close()
            if stop.is_set():
                path.unlink(missing_ok=True)
        return True


class LastMinute:
    """The last minute of the current scene. ``see`` is for the fast lane and never waits."""

    def __init__(self) -> None:
        self._slot: tuple[Frame, int] | None = None  # newest wins
        self._seen = (-1.0, -1)  # media seconds and scene of the last frame that was handed over
        self._pictures: deque[tuple[float, _Jpeg]] = deque()
        self._scene = -1
        self._bytes = 0
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="minute", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def see(self, frame: Frame, scene: int) -> None:
        """Hand a frame to the thread, ``FPS`` times a second; a newer one replaces it."""
        pts, before = self._seen
        if (scene == before and frame.pts - pts < 0.95 / FPS) or self._closing.is_set():
            return
        self._seen = (frame.pts, scene)
        self._slot = (frame, scene)

    @property
    def scene(self) -> int:
        """The current scene."""
        return self._seen[1]

    def film(self) -> Film | None:
        """The pictures so far; None before the first."""
        with self._lock:
            return Film(tuple(self._pictures), self._scene) if self._pictures else None

    def close(self) -> None:
        """Stop, and drop all pictures. Safe to call twice."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(1.0)
        with self._lock:
            self._pictures.clear()

    def _work(self) -> None:
        lower_priority()
        while not self._closing.wait(POLL_S):
            newest, self._slot = self._slot, None
            if newest is not None:
                with suppress(cv2.error, MemoryError):  # one picture less
                    self._keep(*newest)

    def _keep(self, frame: Frame, scene: int) -> None:
        jpeg = compressed(frame.image)
        with self._lock:
            if scene != self._scene:
                self._pictures.clear()
                self._scene, self._bytes = scene, 0
            self._pictures.append((frame.pts, jpeg))
            self._bytes += jpeg.size
            while self._bytes > BYTES or frame.pts - self._pictures[0][0] > SPAN_S:
                self._bytes -= self._pictures.popleft()[1].size


def compressed(image: Image) -> _Jpeg:
    """RGB uint8 [H, W, 3] → JPEG of at most ``HEIGHT`` lines."""
    height, width = image.shape[:2]
    if height > HEIGHT:
        size = (max(1, round(width * HEIGHT / height)), HEIGHT)
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    _, jpeg = cv2.imencode(
        ".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    )
    return np.asarray(jpeg, np.uint8).reshape(-1)


def _decoded(jpeg: _Jpeg) -> Image:
    return np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), np.uint8)  # BGR


def lower_priority() -> None:
    """Leave the cores to both lanes: on Linux each thread has its own niceness."""
    with suppress(AttributeError, OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 15)
