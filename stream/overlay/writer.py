"""Pictures with box, points and the confidence under them, as an H.264 file."""

from collections import deque
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2

from stream.overlay.drawing import SPAN_S, draw, draw_inspection, panel_height
from stream.overlay.mp4 import TICKS, Mp4
from stream.records import Estimate, Frame, Portrait, Pose, two_digits

__all__ = ["OverlayWriter", "draw", "draw_inspection"]

JUMP_S = 2.0  # longest step of the media clock that is kept in the file


class OverlayWriter:
    """Draws frames and writes them to an MP4 that gets its name when the writer closes.

    Frames keep their distance in media time, so that dropped ones do not speed it up; a jump of the media
    clock is cut out. A frame of another size is scaled to that of the first.
    """

    def __init__(self, path: Path | str, size: tuple[int, int], fps: float = 25.0, note: str = "") -> None:
        """``size`` is (width, height) of the frames in pixels; ``note`` is written under the curve.

        Raises UsageError when ``path`` cannot be written to.
        """
        self._size, self._note = size, note
        self._step = max(1, round(TICKS / fps))
        self._history: deque[tuple[float, float | None]] = deque()
        self._state = "warming"
        self._tick: int | None = None  # of the newest estimate
        self._last: tuple[float, int] | None = None  # media seconds and file ticks of the newest frame
        width, height = size
        self._file = Mp4(Path(path), (width, height + panel_height(height)), fps, fragmented=True)

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
        """Finishes the file and gives it its name; without a frame there is no file. Safe to call twice."""
        self._file.close()

    @property
    def seconds(self) -> float:
        """Length of the file so far."""
        return 0.0 if self._last is None else self._last[1] / TICKS

    def _remember(self, pts: float, estimate: Estimate | None) -> None:
        if self._last is not None and not 0 <= pts - self._last[0] <= JUMP_S:
            self._history.clear()
        if estimate is not None and estimate.tick != self._tick:
            self._tick = estimate.tick
            self._history.append((estimate.pts, estimate.win))
            win = "" if estimate.win is None else f"win {two_digits(estimate.win)}  "
            reason = f" ({estimate.reason})" if estimate.reason else ""
            text = "" if estimate.text_age_s is None else f"  text {estimate.text_age_s:.0f} s old"
            self._state = f"{win}{estimate.state}{reason}{text}"
        while self._history and self._history[0][0] < pts - 2 * SPAN_S:
            self._history.popleft()

    def _ticks(self, pts: float) -> int:
        """The frame's time in the file: strictly rising, without the jumps of the media clock."""
        if self._last is None:
            ticks = 0
        else:
            before, ticks = self._last
            passed = pts - before
            ticks += max(1, round(passed * TICKS)) if 0 <= passed <= JUMP_S else self._step
        self._last = (pts, ticks)
        return ticks
