"""Micro-gestures of a recording: the 32 classes of iMiGUE, and intervals on the 25 Hz grid.

A gesture is a row of int32 [N, 4]: class, first tick, last tick (inclusive), row of the label file. Class 31
is "illustrative" (id 99 in every release), −1 a class that the release hides. Names and groups are those of
the data set's paper; the groups decide which points a class can be seen in.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stream.errors import UsageError
from stream.records import Floats, Mask

Rows = NDArray[np.int32]  # [N, 4]: class, first tick, last tick, row

NAMES = (
    "turtle neck", "bulging face, deep breath", "touching hat", "touching or scratching head",
    "touching or scratching forehead", "covering face", "rubbing eyes",
    "touching or scratching facial parts", "touching ears", "biting nails", "touching jaw",
    "touching or scratching neck", "playing or adjusting hair",
    "buckle button, pulling collar, adjusting tie", "touching or covering suprasternal notch",
    "scratching back", "folding arms", "dusting off clothes", "putting arms behind body", "moving torso",
    "sitting straightly",
    "scratching or touching arms", "rubbing or holding hands", "crossing fingers", "minaret gesture",
    "playing or manipulating objects", "hold back arms", "head up", "pressing lips", "arms akimbo",
    "shaking shoulders", "illustrative",
)  # fmt: skip
CLASSES = len(NAMES)
ILLUSTRATIVE, OFFICIAL_ILLUSTRATIVE = 31, 99
HIDDEN = -1  # a class that a release does not tell: written 0 in the challenge's test lists
GROUPS: dict[str, tuple[int, ...]] = {
    "head": (0, 1, 27, 28),
    "head-hand": tuple(range(2, 13)),
    "body-hand": (13, 14, 15, 16, 17, 18, 26, 29),
    "body": (19, 20, 30),
    "hand": (21, 22, 23, 24, 25),
    "other": (31,),
}


def class_of(official: int) -> int:
    """1–31 → 0–30, 99 → 31, 0 → −1 (hidden). ValueError for any other id."""
    if official == OFFICIAL_ILLUSTRATIVE:
        return ILLUSTRATIVE
    if not 0 <= official <= 31:
        raise ValueError(f"class {official}, expected 1–31 or 99, or 0 where it is hidden")
    return official - 1


def on_grid(frames: NDArray[Any], rate: float, tick_rate: float = 25.0) -> Rows:
    """Frame intervals on the grid: frame f at ``rate`` frames a second → tick floor(f · 25 / rate + 0.5).

    frames: integers [N, 3] of class, first and last frame (0-based, the last one belongs to the gesture), or
    [N, 4] with the row of each, which is its place in ``frames`` otherwise.
    """
    frames = np.asarray(frames, np.int64)
    row = frames[:, 3] if frames.shape[1] > 3 else np.arange(len(frames))
    ticks = np.floor(frames[:, 1:3] * (tick_rate / rate) + 0.5 + 1e-6)
    return np.column_stack([frames[:, 0], ticks, row]).astype(np.int32)


def check_rows(id: str, rows: Rows) -> None:
    """UsageError unless ``rows`` are gestures as described above."""
    if rows.dtype != np.int32 or rows.ndim != 2 or rows.shape[1] != 4:
        raise UsageError(
            f"{id}: expected gestures as int32 [N, 4], found {rows.dtype.name} {list(rows.shape)}; correct "
            "what makes the recording."
        )
    kind, first, last = rows[:, 0], rows[:, 1], rows[:, 2]
    wrong = (kind < HIDDEN) | (kind >= CLASSES) | (first < 0) | (last < first)
    if wrong.any():
        raise UsageError(
            f"{id}: expected gestures of class −1 to 31 that end after they begin, found row "
            f"{int(wrong.argmax())} to be none; correct the label file."
        )


def lengths(rows: Rows) -> NDArray[np.int64]:
    """Ticks of each gesture, int64 [N]: a gesture of one frame is one tick long."""
    return rows[:, 2].astype(np.int64) - rows[:, 1] + 1


def inside(rows: Rows, ticks: int) -> NDArray[np.bool_]:
    """Which gestures lie within a video of ``ticks`` ticks, bool [N]."""
    return rows[:, 2] < ticks


def cover(rows: Rows, ticks: int) -> NDArray[np.int64]:
    """How many gestures cover each tick, int64 [ticks]."""
    steps = np.zeros(ticks + 1, np.int64)
    np.add.at(steps, np.minimum(rows[:, 1], ticks), 1)
    np.add.at(steps, np.minimum(rows[:, 2] + 1, ticks), -1)
    return np.cumsum(steps)[:ticks]


def cut(points: Floats, valid: Mask, first: int, last: int) -> tuple[Floats, Mask]:
    """Points and validity of ticks first..last (inclusive), cut at the recording's end; at least one tick.

    points: float32 [T, K, 2]; valid: bool [T, K]. A gesture beyond the end gives one tick of nothing.
    """
    if first >= len(points):
        return np.zeros((1, *points.shape[1:]), np.float32), np.zeros((1, valid.shape[1]), np.bool_)
    return points[first : last + 1], valid[first : last + 1]
