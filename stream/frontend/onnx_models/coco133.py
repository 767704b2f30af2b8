"""COCO-WholeBody's 133 points → the 137 of `stream.skeleton`, as index tables.

Source of the order: open-mmlab/mmpose, ``coco_wholebody.py``: body 0–16, feet 17–22, face 23–90, left hand
91–111, right hand 112–132; left and right are the subject's. It has no neck, middle of the hips or pupils:
the first two are the middle of the shoulders and of the hips, a pupil is the eye of the body's points.
"""

import numpy as np

from stream import skeleton
from stream.frontend.mediapipe.to_openpose137 import inside
from stream.records import Floats, Pose

COUNT = 133
VISIBLE = 0.3  # score from which a point counts, as DWPose draws it

NOSE, LEFT_EYE, RIGHT_EYE = 0, 1, 2
LEFT_SHOULDER, RIGHT_SHOULDER, LEFT_ELBOW, RIGHT_ELBOW, LEFT_HIP, RIGHT_HIP = 5, 6, 7, 8, 11, 12
MOUTH_RIGHT, MOUTH_LEFT = 71, 77  # corners

BODY: tuple[int | tuple[int, int], ...] = (
    0, (5, 6), 6, 8, 10, 5, 7, 9, (11, 12), 12, 14, 16, 11, 13, 15, 2, 1, 4, 3, 17, 18, 19, 20, 21, 22,
)  # fmt: skip
FACE = (*range(23, 91), RIGHT_EYE, LEFT_EYE)
LEFT_HAND, RIGHT_HAND = tuple(range(91, 112)), tuple(range(112, 133))
TABLE = (*BODY, *FACE, *LEFT_HAND, *RIGHT_HAND)

_A, _B = np.array([entry if isinstance(entry, tuple) else (entry, entry) for entry in TABLE]).T


def to_pose(points: Floats, scores: Floats, width: int, height: int) -> Pose:
    """Points [133, 2] in frame pixels and scores [133] → 137 points.

    Valid: visible, both of them for a middle, and inside the frame; the rest is zero.
    """
    ours = np.asarray((points[_A] + points[_B]) / 2, np.float32)
    valid = (np.minimum(scores[_A], scores[_B]) > VISIBLE) & inside(ours, width, height)
    ours[~valid] = 0.0
    assert len(ours) == skeleton.COUNT
    return Pose(ours, valid)
