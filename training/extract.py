"""Video → what the live side would have seen, by the live side's own front end."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from stream.features import crop_portrait
from stream.frontend import FrontEnd
from stream.records import Floats, Frame, Image, Mask
from stream.skeleton import COUNT
from training.performance import RATE, STRIDE


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """The front end's answers, tick by tick."""

    points: Floats  # float32 [T, 137, 2], frame pixels
    valid: Mask  # bool [T, 137]
    boxes: Floats  # float32 [T, 4]
    present: Mask  # bool [T]
    segments: np.ndarray  # int64 [T], grows at every cut
    crops: dict[int, Image]  # feature slot → uint8 [S, S, 3]; empty unless a crop size was given


def follow(
    pictures: Iterable[Image], front_end: FrontEnd, *, rate: float = RATE, crop_size: int = 0
) -> Track:
    """Push pictures, one a tick, through the front end from a fresh start.

    ``crop_size`` > 0 also cuts the portrait of the first tick of every feature slot, as the live side does.
    """
    front_end.reset()
    rows, crops = [], {}
    segment = 1
    for i, picture in enumerate(pictures):
        portrait, pose = front_end.push(Frame(i, i / rate, i / rate, picture))
        if portrait is None or pose is None:
            rows.append((np.zeros((COUNT, 2)), np.zeros(COUNT), np.zeros(4), False, segment))
            continue
        segment += portrait.cut
        rows.append((pose.points, pose.valid, portrait.box, True, segment))
        if crop_size and i // STRIDE not in crops:
            crops[i // STRIDE] = crop_portrait(picture, portrait, crop_size)
    points, valid, boxes, present, segments = zip(*rows, strict=True)
    return Track(
        points=np.array(points, np.float32),
        valid=np.array(valid, np.bool_),
        boxes=np.array(boxes, np.float32),
        present=np.array(present, np.bool_),
        segments=np.array(segments, np.int64),
        crops=crops,
    )
