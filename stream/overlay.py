"""The picture with what was seen in it and the confidence under it, as an H.264 file."""

import os
from collections import deque
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2
import numpy as np

from stream.drawing import SPAN_S, draw, draw_inspection, panel_height
from stream.errors import UsageError
from stream.records import Estimate, Frame, Image, Portrait, Pose

__all__ = ["OverlayWriter", "draw", "draw_inspection"]

JUMP_S = 2.0  # a step of the media clock beyond this is cut out of the file
_TICKS = 1000  # per second of the file's clock


class OverlayWriter:
    """Draws frames and writes them to an MP4 that appears, whole, when the writer closes.

    Frames keep their distance in media time, so dropped ones make no haste; a jump of the media clock is
    cut out. A frame of another size is scaled to the first one's.
    """

    def __init__(self, path: Path | str, size: tuple[int, int], fps: float = 25.0, note: str = "") -> None:
        """``size`` is (width, height) of the frames in pixels; ``note`` is written under the curve.

        Raises UsageError when ``path`` cannot be written to.
        """
        self._size, self._note = size, note
        self._step = max(1, round(_TICKS / fps))
        self._history: deque[tuple[float, float | None]] = deque()
        self._state = "warming"
        self._tick: int | None = None  # of the newest estimate
        self._last: tuple[float, int] | None = None  # media seconds and file ticks of the newest frame
        width, height = size
        self._file = _Mp4(Path(path), (width, height + panel_height(height)), fps)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def push(
        self, frame: Frame, portrait: Portrait | None, pose: Pose | None, estimate: Estimate | None
    ) -> None:
        """Draws and writes one frame; ``estimate`` is the newest. Raises UsageError on a full disk."""
        self._remember(frame.pts, estimate)
        picture = draw(frame.image, portrait, pose, self._history, self._state, frame.pts, self._note)
        if frame.image.shape[1::-1] != self._size:
            width, height = self._size
            picture = cv2.resize(
                picture, (width, height + panel_height(height)), interpolation=cv2.INTER_AREA
            )
        self._file.write(picture, self._ticks(frame.pts))

    def close(self) -> None:
        """Finishes the file and gives it its name; without a frame there is none. Safe to call twice."""
        self._file.close()

    def _remember(self, pts: float, estimate: Estimate | None) -> None:
        if self._last is not None and not 0 <= pts - self._last[0] <= JUMP_S:
            self._history.clear()
        if estimate is not None and estimate.tick != self._tick:
            self._tick = estimate.tick
            self._history.append((estimate.pts, estimate.win))
            win = "" if estimate.win is None else f"win {estimate.win:.2f}  "
            self._state = f"{win}{estimate.state}{f' ({estimate.reason})' if estimate.reason else ''}"
        while self._history and self._history[0][0] < pts - 2 * SPAN_S:
            self._history.popleft()

    def _ticks(self, pts: float) -> int:
        """The frame's time in the file: strictly rising, without the jumps of the media clock."""
        if self._last is None:
            ticks = 0
        else:
            before, ticks = self._last
            passed = pts - before
            ticks += max(1, round(passed * _TICKS)) if 0 <= passed <= JUMP_S else self._step
        self._last = (pts, ticks)
        return ticks


class _Mp4:
    """An H.264 file under a passing name until it is whole."""

    def __init__(self, path: Path, size: tuple[int, int], fps: float) -> None:
        import av  # here, so that a run without overlay never loads libav into the parent

        if not path.parent.is_dir():
            raise UsageError(f"{path}: there is no folder {path.parent}; create it or choose another place")
        if path.is_dir():
            raise UsageError(f"{path}: expected the name of a file, found a folder; add a name to it")
        self._path = path
        self._partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
        self._trouble = (av.FFmpegError, OSError)
        self._frame = av.VideoFrame.from_ndarray
        self._empty, self._open = True, True
        # 4:2:0 takes even sizes only.
        self._height, self._width = (-(-side // 2) * 2 for side in size[::-1])
        try:
            self._container = av.open(str(self._partial), "w", format="mp4")
            rate = Fraction(fps).limit_denominator(1001)
            stream = self._container.add_stream(
                "libx264", rate=rate, options={"preset": "veryfast", "crf": "23"}
            )
            stream.width, stream.height, stream.pix_fmt = self._width, self._height, "yuv420p"
            stream.codec_context.time_base = Fraction(1, _TICKS)
            stream.codec_context.thread_count = 1  # beside the networks, on few cores
        except self._trouble as error:
            raise self._cannot(error) from None
        self._stream = stream

    def write(self, image: Image, ticks: int) -> None:
        """Adds uint8 [H, W, 3] at ``ticks``; one missing row or column is repeated."""
        height, width = image.shape[:2]
        if (height, width) != (self._height, self._width):
            image = np.pad(image, ((0, self._height - height), (0, self._width - width), (0, 0)), "edge")
        frame = self._frame(np.ascontiguousarray(image), format="rgb24")
        frame.pts, frame.time_base = ticks, Fraction(1, _TICKS)
        try:
            self._container.mux(self._stream.encode(frame))
        except self._trouble as error:
            raise self._cannot(error) from None
        self._empty = False

    def close(self) -> None:
        if not self._open:
            return
        self._open = False
        try:
            if not self._empty:
                self._container.mux(self._stream.encode())
            self._container.close()
            if not self._empty:
                self._partial.replace(self._path)
        except self._trouble as error:
            raise self._cannot(error) from None
        finally:
            self._partial.unlink(missing_ok=True)

    def _cannot(self, error: Exception) -> UsageError:
        with suppress(OSError):
            self._partial.unlink(missing_ok=True)
        reason = getattr(error, "strerror", None) or type(error).__name__
        return UsageError(f"{self._path} cannot be written ({reason}); make room or choose another place")
