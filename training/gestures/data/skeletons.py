"""The points of all clips as two arrays, each clip centred and scaled as a whole.

Not tick by tick: what moves must still move. The centre is the middle of the seen nose, neck and shoulders
over the clip, the unit the median shoulder width; where shoulders are never seen together, a third of the
portrait box.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stream.records import Floats, Mask
from stream.skeleton import INDEX
from training.corpus.gestures import cut
from training.corpus.store import Store
from training.gestures.clips import Clip
from training.gestures.data.saliency import portrait
from training.gestures.points import PointSet

_CENTRE = [INDEX[name] for name in ("nose", "neck", "right_shoulder", "left_shoulder")]
_SHOULDERS = [INDEX["right_shoulder"], INDEX["left_shoulder"]]
SQUARE = 1.25  # of the tight box around all points of a clip, for the heat maps
SMALLEST_PX = 10.0  # a tight box with a smaller side is left as wide as the shoulders


@dataclass(frozen=True, slots=True, eq=False)
class Skeletons:
    """N clips of M ticks in all and K points."""

    points: Floats  # float32 [M, K, 2], shoulder widths from the clip's centre, 0 where invalid
    valid: Mask  # bool [M, K]
    starts: NDArray[np.int64]  # [N + 1], clip i has rows starts[i] to starts[i + 1] − 1
    squares: Floats  # float32 [N, 3]: centre x, y and half the side of the square that the heat maps show
    set: PointSet

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Ticks of each clip, int64 [N]."""
        return np.diff(self.starts)


def read(
    store: Store, clips: Sequence[Clip], points: PointSet, progress: Callable[[str], None] = lambda id: None
) -> Skeletons:
    """The points of every clip; one beyond its video's end is one tick of nothing."""
    places, seen, squares = [], [], []
    chosen = list(points.points)
    for clip in clips:
        recording = store.recording(clip.video)
        at, valid = cut(recording.points, recording.valid, clip.first, clip.last)
        there = recording.present[clip.first : clip.last + 1]
        valid = valid & (there[:, None] if len(there) else False)
        box = portrait(recording.boxes[clip.first : clip.last + 1])
        centre, unit = normal(at, valid, box[2] - box[0])
        own = valid[:, chosen]
        moved = np.where(own[..., None], (at[:, chosen] - centre) / unit, 0).astype(np.float32)
        places.append(moved)
        seen.append(own)
        squares.append(square_of(moved, own, SMALLEST_PX / unit))
        progress(clip.id)
    starts = np.concatenate([[0], np.cumsum([len(p) for p in places])]).astype(np.int64)
    empty = np.zeros((0, points.count, 2), np.float32)
    return Skeletons(
        points=np.concatenate([empty, *places]),
        valid=np.concatenate([empty[..., 0] > 0, *seen]),
        starts=starts,
        squares=np.array(squares, np.float32).reshape(-1, 3),
        set=points,
    )


def normal(points: Floats, valid: Mask, box_width: float) -> tuple[Floats, float]:
    """Centre float32 [2] and unit of a clip in frame pixels.

    points: float32 [L, 137, 2] frame pixels; valid: bool [L, 137].
    """
    both = valid[:, _SHOULDERS].all(1)
    unit = box_width / 3
    if both.any():
        across = points[both][:, _SHOULDERS[0]] - points[both][:, _SHOULDERS[1]]
        unit = float(np.median(np.linalg.norm(across, axis=-1)))
    middle = [points[valid[:, i], i].mean(0) for i in _CENTRE if valid[:, i].any()]
    centre = np.mean(middle, axis=0) if middle else np.zeros(2)
    return np.asarray(centre, np.float32), max(unit, 1.0)


def square_of(points: Floats, valid: Mask, smallest: float) -> tuple[float, float, float]:
    """Centre and half side of the square around every seen point of a clip, ``SQUARE`` times the tight box.

    A box with a side below ``smallest`` (or nobody) is replaced by two shoulder widths around the centre.
    """
    if not valid.any():
        return 0.0, 0.5, 2.0
    seen = points[valid]
    (x0, y0), (x1, y1) = seen.min(0).tolist(), seen.max(0).tolist()
    if min(x1 - x0, y1 - y0) < smallest:
        return (x0 + x1) / 2, (y0 + y1) / 2, 2.0
    return (x0 + x1) / 2, (y0 + y1) / 2, SQUARE * max(x1 - x0, y1 - y0) / 2
