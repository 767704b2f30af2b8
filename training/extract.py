"""Video → what the live side would have seen, by the live side's own front end."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from stream.frontend import FrontEnd
from stream.records import Floats, Frame, Image, Mask
from stream.skeleton import COUNT


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """The front end's answers, tick by tick."""

    points: Floats  # float32 [T, 137, 2], frame pixels
    valid: Mask  # bool [T, 137]
    boxes: Floats  # float32 [T, 4]
    present: Mask  # bool [T]
    segments: np.ndarray  # int64 [T], grows at every cut


def follow(pictures: Iterable[Image], front_end: FrontEnd, rate: float = 25.0) -> Track:
    """Push pictures of one shot or several, one a tick, through the front end from a fresh start."""
    front_end.reset()
    rows = []
    segment = 1
    for i, picture in enumerate(pictures):
        portrait, pose = front_end.push(Frame(i, i / rate, i / rate, picture))
        if portrait is None or pose is None:
            rows.append((np.zeros((COUNT, 2)), np.zeros(COUNT), np.zeros(4), False, segment))
            continue
        segment += portrait.cut
        rows.append((pose.points, pose.valid, portrait.box, True, segment))
    points, valid, boxes, present, segments = zip(*rows, strict=True)
    return Track(
        points=np.array(points, np.float32),
        valid=np.array(valid, np.bool_),
        boxes=np.array(boxes, np.float32),
        present=np.array(present, np.bool_),
        segments=np.array(segments, np.int64),
    )
