"""COCO-WholeBody's 133 points and ours, by name."""

import numpy as np

from stream import skeleton
from stream.frontend.onnx_models import coco133

_CONTOUR = [f"face_contour_{i}" for i in range(17)]
_BROWS = [f"face_{side}_brow_{i}" for side in ("right", "left") for i in range(5)]
_NOSE = [*(f"face_nose_bridge_{i}" for i in range(4)), *(f"face_nose_base_{i}" for i in range(5))]
_EYES = [f"face_{side}_eye_{i}" for side in ("right", "left") for i in range(6)]
_MOUTH = [*(f"face_outer_mouth_{i}" for i in range(12)), *(f"face_inner_mouth_{i}" for i in range(8))]
_HAND = ["wrist", *(f"{f}_{i}" for f in ("thumb", "index", "middle", "ring", "pinky") for i in range(1, 5))]
# As mmpose's coco_wholebody.py has them; the face as in 300-W, from the subject's right ear to the left.
COCO = [
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder",
    "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip",
    "left_knee", "right_knee", "left_ankle", "right_ankle",
    "left_big_toe", "left_small_toe", "left_heel", "right_big_toe", "right_small_toe", "right_heel",
    *_CONTOUR, *_BROWS, *_NOSE, *_EYES, *_MOUTH,
    *(f"left_hand_{name}" for name in _HAND),
    *(f"right_hand_{name}" for name in _HAND),
]  # fmt: skip
OTHERS = {
    "neck": {"left_shoulder", "right_shoulder"},
    "mid_hip": {"left_hip", "right_hip"},
    "face_right_pupil": {"right_eye"},
    "face_left_pupil": {"left_eye"},
}


def test_every_point_comes_from_its_namesake() -> None:
    assert len(COCO) == coco133.COUNT == len(set(COCO))
    assert len(coco133.TABLE) == skeleton.COUNT
    for name, entry in zip(skeleton.NAMES, coco133.TABLE, strict=True):
        sources = {COCO[i] for i in (entry if isinstance(entry, tuple) else (entry,))}
        assert sources == OTHERS.get(name, {name}), name


def test_the_named_points_are_what_they_are_called() -> None:
    for name in ("NOSE", "LEFT_EYE", "RIGHT_EYE", "LEFT_SHOULDER", "RIGHT_SHOULDER", "LEFT_ELBOW"):
        assert COCO[getattr(coco133, name)] == name.lower()
    for name in ("RIGHT_ELBOW", "LEFT_HIP", "RIGHT_HIP"):
        assert COCO[getattr(coco133, name)] == name.lower()
    # Corners of the mouth: 300-W's 48 is the subject's right, 54 the left.
    assert COCO[coco133.MOUTH_RIGHT] == "face_outer_mouth_0"
    assert COCO[coco133.MOUTH_LEFT] == "face_outer_mouth_6"


def test_a_middle_is_valid_when_both_are_and_what_is_not_seen_is_zero() -> None:
    rng = np.random.default_rng(0)
    points = rng.uniform(10, 90, (133, 2)).astype(np.float32)
    scores = np.full(133, 0.9, np.float32)
    scores[[COCO.index("left_hip"), COCO.index("right_wrist")]] = 0.2
    points[COCO.index("left_ear")] = 101.0, 50.0  # beyond the frame
    pose = coco133.to_pose(points, scores, 100, 100)
    gone = {"mid_hip", "left_hip", "right_wrist", "left_ear"}
    assert {skeleton.NAMES[i] for i in np.flatnonzero(~pose.valid)} == gone
    assert not pose.points[~pose.valid].any()
    neck = (points[COCO.index("left_shoulder")] + points[COCO.index("right_shoulder")]) / 2
    np.testing.assert_allclose(pose.points[skeleton.INDEX["neck"]], neck, rtol=1e-6)
    assert pose.points.dtype == np.float32
