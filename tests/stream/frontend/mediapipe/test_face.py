"""Where the face is looked for, and what the networks see of a real one."""

import math
from pathlib import Path

import numpy as np
import pytest

from stream.frontend.mediapipe.crop_network import Meter
from stream.frontend.mediapipe.face import COUNT, FaceStage, from_face, from_pose


def body(*, angle: float = 0.0) -> np.ndarray:
    """float32 [33, 2] of somebody whose head, at (200, 100), is turned by ``angle``."""
    points = np.full((33, 2), 900, np.float32)
    head = np.zeros((11, 2))
    head[[2, 5]] = (20, -10), (-20, -10)  # the subject's left eye is on the right
    head[[7, 8]] = (40, 0), (-40, 0)
    head[[9, 10]] = (12, 25), (-12, 25)
    c, s = math.cos(angle), math.sin(angle)
    points[:11] = head @ np.array(((c, s), (-s, c))) + (200, 100)
    return points


@pytest.mark.parametrize("angle", [0.0, 0.4, -1.2, math.pi / 2])
def test_the_region_of_a_pose_turns_with_the_eyes(angle: float) -> None:
    region = from_pose(body(angle=angle))
    assert region.rotation == pytest.approx(angle, abs=1e-5)
    assert region.width == region.height


def test_the_region_of_a_pose_holds_the_head_and_ignores_the_body() -> None:
    region = from_pose(body())
    assert (region.cx, region.cy) == pytest.approx((200, 107.5))
    assert region.width == pytest.approx(3 * 80)


def test_the_region_of_a_face_is_half_as_large_again_as_its_points() -> None:
    points = np.zeros((COUNT, 2), np.float32)
    points[:, 0], points[:, 1] = 150, 80
    points[0], points[1] = (100, 50), (200, 110)
    points[33], points[263] = (120, 70), (180, 70)
    region = from_face(points)
    assert (region.cx, region.cy, region.width, region.rotation) == pytest.approx((150, 80, 150, 0))


# Roughly where the pose network sees the astronaut's face (pixels of the picture).
ASTRONAUT = {
    0: (225, 130),
    2: (245, 105),
    5: (208, 105),
    7: (265, 110),
    8: (180, 112),
    9: (240, 155),
    10: (208, 155),
}


@pytest.fixture
def stage(holistic_files: Path) -> FaceStage:
    return FaceStage(holistic_files, Meter(), 1)


def astronauts_body() -> np.ndarray:
    points = np.tile(np.array((225, 125), np.float32), (33, 1))
    for row, place in ASTRONAUT.items():
        points[row] = place
    return points


def test_irises_lie_in_the_eyes_of_a_real_face(stage: FaceStage, astronaut: np.ndarray) -> None:
    face = stage(astronaut, astronauts_body())
    assert face is not None
    assert face.points.shape == (COUNT, 2)
    assert face.presence > 0.9
    for iris, corners in ((face.right_iris, (33, 133)), (face.left_iris, (362, 263))):
        outer, inner = face.points[corners, :]
        assert outer[0] < iris[0, 0] < inner[0]
        assert np.linalg.norm(iris[0] - (outer + inner) / 2) < 0.4 * np.linalg.norm(inner - outer)


def test_no_face_is_none_also_after_one_was_followed(stage: FaceStage, astronaut: np.ndarray) -> None:
    assert stage(astronaut, astronauts_body()) is not None
    assert stage(np.full_like(astronaut, 127), astronauts_body()) is None
    assert stage(astronaut, astronauts_body()) is not None
