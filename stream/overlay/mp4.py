"""Pictures → an H.264 file. Nothing else in ``stream`` encodes video."""

import io
import os
import secrets
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Literal

import numpy as np

from stream.errors import UsageError
from stream.records import Image

TICKS = 1000  # per second of the file's clock
FRAGMENT_S = 2.0
# Every fragment has its own index: what is written plays, and no index of the whole grows in memory.
_FRAGMENTED = {
    "movflags": "frag_keyframe+delay_moov+default_base_moof",
    "frag_duration": str(round(FRAGMENT_S * 1e6)),
}


class Mp4:
    """An H.264 file without sound, under a temporary name beside its own until it is whole.

    One thread encodes it. ``fragmented``: the temporary file plays while it grows, up to the last
    ``FRAGMENT_S`` seconds, and also when the process is killed.
    """

    def __init__(
        self,
        path: Path,
        size: tuple[int, int],
        fps: float,
        *,
        preset: str = "veryfast",
        crf: int = 23,
        order: Literal["rgb24", "bgr24"] = "rgb24",
        fragmented: bool = False,
    ) -> None:
        """``size`` is (width, height) in pixels. Raises UsageError where ``path`` cannot be written to."""
        import av  # here: a run that writes no video loads no libav into the parent

        if not path.parent.is_dir():
            raise UsageError(f"{path}: there is no folder {path.parent}; create it or choose another place.")
        if path.is_dir():
            raise UsageError(f"{path}: expected the name of a file, found a folder; add a name to it.")
        self._path, self._order = path, order
        self._partial = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.partial")
        self._trouble = (av.FFmpegError, OSError)
        self._frame = av.VideoFrame.from_ndarray
        self._empty, self._open = True, True
        self._target: io.RawIOBase | None = None
        # 4:2:0 takes even sizes only.
        self._height, self._width = (-(-side // 2) * 2 for side in size[::-1])
        try:
            # Exclusively: neither a file nor a link that somebody put there is written to.
            descriptor = os.open(self._partial, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
            self._target = io.FileIO(descriptor, "w+b")
            self._container = av.open(
                self._target, "w", format="mp4", options=_FRAGMENTED if fragmented else {}
            )
            rate = Fraction(fps).limit_denominator(1001)
            options = {"preset": preset, "crf": str(crf)}
            if fragmented:
                options["g"] = str(max(1, round(fps * FRAGMENT_S)))
            stream = self._container.add_stream("libx264", rate=rate, options=options)
            stream.width, stream.height, stream.pix_fmt = self._width, self._height, "yuv420p"
            stream.codec_context.time_base = Fraction(1, TICKS)
            stream.codec_context.thread_count = 1  # beside the networks, on few cores
        except self._trouble as error:
            raise self._cannot(error) from None
        self._stream = stream

    def write(self, image: Image, ticks: int) -> None:
        """Adds uint8 [H, W, 3] at ``ticks``; one missing row or column is repeated."""
        height, width = image.shape[:2]
        if (height, width) != (self._height, self._width):
            image = np.pad(image, ((0, self._height - height), (0, self._width - width), (0, 0)), "edge")
        frame = self._frame(np.ascontiguousarray(image), format=self._order)
        frame.pts, frame.time_base = ticks, Fraction(1, TICKS)
        try:
            self._container.mux(self._stream.encode(frame))
        except self._trouble as error:
            raise self._cannot(error) from None
        self._empty = False

    def close(self) -> None:
        """Finish the file and give it its name; without a picture there is none. Safe to call twice."""
        if not self._open:
            return
        self._open = False
        try:
            if not self._empty:
                self._container.mux(self._stream.encode())
            self._container.close()
            self._close_target()
            if not self._empty:
                self._partial.replace(self._path)
        except self._trouble as error:
            raise self._cannot(error) from None
        finally:
            self._partial.unlink(missing_ok=True)

    def _close_target(self) -> None:
        if self._target is not None:
            self._target.close()

    def _cannot(self, error: Exception) -> UsageError:
        with suppress(OSError):
            self._close_target()
            self._partial.unlink(missing_ok=True)
        reason = getattr(error, "strerror", None) or type(error).__name__
        return UsageError(f"{self._path} cannot be written ({reason}); make room or choose another place.")
