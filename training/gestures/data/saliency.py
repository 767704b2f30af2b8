"""Where to look: a square around the points that move, and one around the whole portrait.

The second paper guides its crop by where the joints move and does not say how; this form is ours. The label
is never used.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stream.records import Floats, Mask
from stream.skeleton import HANDS, INDEX

Box = tuple[float, float, float, float]  # x0, y0, x1, y1 in frame pixels

UPPER_BODY = (*range(8), *range(15, 19), *range(HANDS.start, HANDS.stop))
ALWAYS = tuple(
    INDEX[name] for name in ("nose", "left_shoulder", "right_shoulder", "left_wrist", "right_wrist")
)
MOTION = 0.9  # share of all motion that the kept points have
MARGIN = 1.3


def salient(points: Floats, valid: Mask, portrait: Box) -> Box:
    """The square around what moves in a clip; around the portrait where no point of it is seen.

    points: float32 [L, 137, 2] frame pixels; valid: bool [L, 137]. A point's motion is its mean step from
    tick to tick where it is seen in both. Points are kept, the most moving first, until they have ``MOTION``
    of all motion; nose, shoulders and wrists are kept in any case.
    """
    chosen = np.array(UPPER_BODY)
    place, seen = points[:, chosen], valid[:, chosen]
    if not seen.any():
        return square(portrait, 1.0)
    both = seen[1:] & seen[:-1]
    steps = np.where(both, np.linalg.norm(place[1:] - place[:-1], axis=-1), 0.0)
    motion = steps.sum(0) / np.maximum(both.sum(0), 1)
    order = np.argsort(-motion, kind="stable")
    enough = int(np.searchsorted(np.cumsum(motion[order]), MOTION * motion.sum())) + 1
    kept = np.isin(chosen, ALWAYS)
    kept[order[:enough]] = True
    kept &= seen.any(0)
    if not kept.any():
        kept = np.asarray(seen.any(0))
    mask = seen[:, kept, None]
    low = np.where(mask, place[:, kept], np.inf).min((0, 1)).tolist()
    high = np.where(mask, place[:, kept], -np.inf).max((0, 1)).tolist()
    return square((low[0], low[1], high[0], high[1]), MARGIN)


def square(box: Box, factor: float) -> Box:
    """The square around the same centre, as long as the box's longer side times ``factor``, at least 2 px."""
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    half = max(factor * max(box[2] - box[0], box[3] - box[1]), 2.0) / 2
    return x - half, y - half, x + half, y + half


def portrait(boxes: NDArray[Any]) -> Box:
    """The median portrait box of a clip's ticks; boxes: [L, 4] frame pixels, zeros where there is none."""
    there = boxes[(boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])]
    if not len(there):
        return 0.0, 0.0, 2.0, 2.0
    x0, y0, x1, y1 = np.median(there, axis=0).tolist()
    return x0, y0, x1, y1
