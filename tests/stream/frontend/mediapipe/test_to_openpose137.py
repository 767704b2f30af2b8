"""The index tables, by name: the two lists of names are written from the two projects' documents."""

import numpy as np
import pytest

from stream import skeleton
from stream.frontend.mediapipe import to_openpose137
from stream.frontend.mediapipe.face import Face
from stream.frontend.mediapipe.hands import Hand
from stream.frontend.mediapipe.pose import Body

# MediaPipe's pose, solutions/pose.py (PoseLandmark), in order.
POSE = [
    "nose", "left_eye_inner", "left_eye", "left_eye_outer", "right_eye_inner", "right_eye",
    "right_eye_outer", "left_ear", "right_ear", "mouth_left", "mouth_right", "left_shoulder",
    "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_pinky",
    "right_pinky", "left_index", "right_index", "left_thumb", "right_thumb", "left_hip", "right_hip",
    "left_knee", "right_knee", "left_ankle", "right_ankle", "left_heel", "right_heel",
    "left_foot_index", "right_foot_index",
]  # fmt: skip
RENAMED = {"left_big_toe": "left_foot_index", "right_big_toe": "right_foot_index"}
MIDDLES = {"neck": ("left_shoulder", "right_shoulder"), "mid_hip": ("left_hip", "right_hip")}

# Outlines of MediaPipe's mesh, solutions/face_mesh_connections.py, as sets of points.
OUTLINES = {
    "contour": {
        *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377),
        *(152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
    },
    "right_brow": {46, 53, 52, 65, 55, 70, 63, 105, 66, 107},
    "left_brow": {276, 283, 282, 295, 285, 300, 293, 334, 296, 336},
    "right_eye": {33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173},
    "left_eye": {263, 249, 390, 373, 374, 380, 381, 382, 362, 466, 388, 387, 386, 385, 384, 398},
    "outer_mouth": {
        *(61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291),
        *(185, 40, 39, 37, 0, 267, 269, 270, 409),
    },
    "inner_mouth": {
        *(78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308),
        *(191, 80, 81, 82, 13, 312, 311, 310, 415),
    },
}  # fmt: skip


def _body(visibility: float = 1.0) -> Body:
    """Points on a diagonal: point i at (i + 1, i + 1), so that a mapped point tells where it came from."""
    points = np.repeat(np.arange(1, 34, dtype=np.float32)[:, None], 2, axis=1)
    return Body(points, np.full(33, visibility, np.float32), np.ones((2, 2), np.float32), 1.0)


def _face() -> Face:
    points = np.repeat(np.arange(1, 469, dtype=np.float32)[:, None], 2, axis=1)
    return Face(points, np.full((5, 2), 700, np.float32), np.full((5, 2), 800, np.float32), 1.0)


@pytest.mark.parametrize("name", [name for name in skeleton.BODY_NAMES if "small_toe" not in name])
def test_each_body_point_comes_from_its_namesake(name: str) -> None:
    sources = MIDDLES.get(name, (RENAMED.get(name, name),) * 2)
    pair = to_openpose137.BODY[skeleton.BODY_NAMES.index(name)]
    assert {POSE[index] for index in pair} == set(sources)


@pytest.mark.parametrize("part", OUTLINES)
def test_each_face_point_lies_on_the_outline_of_its_part(part: str) -> None:
    rows = [row for row, name in enumerate(skeleton.FACE_NAMES) if name.startswith(f"{part}_")]
    assert rows
    for row in rows:
        assert set(to_openpose137.FACE[row]) <= OUTLINES[part], skeleton.FACE_NAMES[row]


def test_left_and_right_of_the_face_are_mirror_images_in_the_mesh() -> None:
    """The mesh's own symmetry, on the corners every reader knows: eyes, mouth, brows."""
    mesh = {33: 263, 133: 362, 61: 291, 78: 308, 70: 300, 107: 336, 127: 356, 234: 454, 48: 278}
    mesh |= {b: a for a, b in mesh.items()}
    checked = 0
    for row, (a, b) in enumerate(to_openpose137.FACE):
        if a == b and a in mesh:
            mirrored = skeleton.MIRROR[skeleton.FACE.start + row] - skeleton.FACE.start
            assert to_openpose137.FACE[mirrored] == (mesh[a], mesh[a]), skeleton.FACE_NAMES[row]
            checked += 1
    assert checked >= 14


def test_points_arrive_where_the_tables_say() -> None:
    hand = Hand(np.full((21, 2), 500, np.float32) + np.arange(21, dtype=np.float32)[:, None], 1.0)
    pose = to_openpose137.to_pose(_body(), _face(), hand, None, 1000, 1000)
    at = {name: float(pose.points[index, 0]) for name, index in skeleton.INDEX.items()}
    assert at["nose"] == POSE.index("nose") + 1
    assert at["neck"] == (POSE.index("left_shoulder") + POSE.index("right_shoulder")) / 2 + 1
    assert at["face_nose_bridge_3"] == 4 + 1
    assert at["face_contour_3"] == (132 + 58) / 2 + 1
    assert at["face_right_pupil"] == 700
    assert at["face_left_pupil"] == 800
    assert at["left_hand_pinky_4"] == 520
    assert pose.valid[skeleton.LEFT_HAND].all()
    assert not pose.valid[skeleton.RIGHT_HAND].any()
    assert pose.points.dtype == np.float32


def test_small_toes_are_never_valid() -> None:
    pose = to_openpose137.to_pose(_body(), _face(), None, None, 1000, 1000)
    invalid = {skeleton.NAMES[i] for i in np.flatnonzero(~pose.valid[: skeleton.LEFT_HAND.start])}
    assert invalid == {"left_small_toe", "right_small_toe"}


def test_what_is_not_seen_is_zero() -> None:
    pose = to_openpose137.to_pose(_body(visibility=0.4), None, None, None, 1000, 1000)
    assert not pose.valid.any()
    assert not pose.points.any()


def test_a_middle_is_seen_only_if_both_its_ends_are() -> None:
    body = _body()
    body.visibility[POSE.index("left_hip")] = 0.1
    pose = to_openpose137.to_pose(body, None, None, None, 1000, 1000)
    assert not pose.valid[skeleton.INDEX["mid_hip"]]
    assert pose.valid[skeleton.INDEX["right_hip"]]
    assert pose.valid[skeleton.INDEX["neck"]]


def test_points_outside_of_the_frame_are_invalid() -> None:
    pose = to_openpose137.to_pose(_body(), _face(), None, None, 20, 1000)
    assert pose.points[pose.valid].max() < 20
    assert pose.valid[skeleton.INDEX["nose"]]
    assert not pose.valid[skeleton.INDEX["left_knee"]]
    assert not pose.points[~pose.valid].any()
