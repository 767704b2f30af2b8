"""MediaPipe's points → the 137 of `stream.skeleton`, as index tables.

The two orders agree on left and right (the subject's). Each of our points is one of theirs or the middle of
two; small toes have no source. Face: the correspondence of MediaPipe's mesh with the 68 points that OpenPose
shares with the 300-W annotation, by name in the test.
"""

import numpy as np

from stream import skeleton
from stream.frontend.mediapipe.face import Face
from stream.frontend.mediapipe.hands import Hand
from stream.frontend.mediapipe.pose import Body
from stream.records import Floats, Mask, Pose

VISIBLE = 0.5

_NONE = (-1, -1)


def _pairs(*table: int | tuple[int, int]) -> tuple[tuple[int, int], ...]:
    return tuple(entry if isinstance(entry, tuple) else (entry, entry) for entry in table)


BODY = _pairs(
    0, (11, 12), 12, 14, 16, 11, 13, 15, (23, 24), 24, 26, 28, 23, 25, 27, 5, 2, 8, 7,
    31, _NONE, 29, 32, _NONE, 30,
)  # fmt: skip
FACE = _pairs(
    127, 234, 93, (132, 58), (58, 172), 136, 150, 176, 152, 400, 379, 365, (397, 288), 361, 323, 454, 356,
    70, 63, 105, 66, 107, 336, 296, 334, 293, 300,
    (168, 6), (197, 195), 5, 4, 75, 97, 2, 326, 305,
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,
    61, 39, 37, 0, 267, 269, 291, 321, 314, 17, 84, 91, 78, 82, 13, 312, 308, 317, 14, 87,
)  # fmt: skip
RIGHT_PUPIL = skeleton.INDEX["face_right_pupil"]
LEFT_PUPIL = skeleton.INDEX["face_left_pupil"]

_BODY_ROWS = np.array([row for row, pair in enumerate(BODY) if pair != _NONE])
_BODY_A, _BODY_B = np.array([pair for pair in BODY if pair != _NONE]).T
_FACE_A, _FACE_B = np.array(FACE).T
_FACE_ROWS = slice(skeleton.FACE.start, skeleton.FACE.start + len(FACE))


def to_pose(
    body: Body, face: Face | None, left: Hand | None, right: Hand | None, width: int, height: int
) -> Pose:
    """All groups → 137 points. Valid: seen by its network and inside the frame; the rest is zero."""
    points = np.zeros((skeleton.COUNT, 2), np.float32)
    valid = np.zeros(skeleton.COUNT, np.bool_)
    points[_BODY_ROWS] = (body.points[_BODY_A] + body.points[_BODY_B]) / 2
    valid[_BODY_ROWS] = np.minimum(body.visibility[_BODY_A], body.visibility[_BODY_B]) > VISIBLE
    if face is not None:
        points[_FACE_ROWS] = (face.points[_FACE_A] + face.points[_FACE_B]) / 2
        points[RIGHT_PUPIL] = face.right_iris[0]
        points[LEFT_PUPIL] = face.left_iris[0]
        valid[skeleton.FACE] = True
    for hand, rows in ((left, skeleton.LEFT_HAND), (right, skeleton.RIGHT_HAND)):
        if hand is not None:
            points[rows] = hand.points
            valid[rows] = True
    valid &= inside(points, width, height)
    points[~valid] = 0.0
    return Pose(points, valid)


def inside(points: Floats, width: int, height: int) -> Mask:
    """Mask of the points [N, 2] that lie inside the frame."""
    limit = np.array((width, height), np.float32)
    return np.asarray(np.all((points >= 0) & (points < limit), axis=1))
