"""Tracking from frame to frame, on a real picture that moves."""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from stream import skeleton
from stream.errors import ModelError
from stream.frontend.mediapipe.holistic import Holistic
from stream.frontend.mediapipe.person_detector import PoseDetector
from stream.geometry import Region


@pytest.fixture(scope="module")
def start(holistic_files: Path, astronaut: np.ndarray) -> Region:
    return PoseDetector(holistic_files / "pose_detection.tflite")(astronaut)[0].region


def test_points_follow_a_moving_picture(holistic_files: Path, astronaut: np.ndarray, start: Region) -> None:
    holistic = Holistic(holistic_files)
    first = holistic.push(astronaut, start)
    assert first is not None
    face = slice(skeleton.FACE.start, skeleton.FACE.stop)
    for step in range(1, 9):
        moved = np.roll(astronaut, 4 * step, axis=1)
        pose = holistic.push(moved)
        assert pose is not None
        shift = (pose.points[face] - first.points[face]).mean(axis=0)
        np.testing.assert_allclose(shift, (4 * step, 0), atol=2.5)
    assert holistic.region is not None
    assert holistic.region.cx > start.cx + 15


def test_a_still_picture_gives_still_points(
    holistic_files: Path, astronaut: np.ndarray, start: Region
) -> None:
    holistic = Holistic(holistic_files)
    holistic.push(astronaut, start)
    poses = [holistic.push(astronaut) for _ in range(30)]
    points = np.stack([pose.points for pose in poses if pose is not None][10:])
    assert len(points) == 20
    both = np.stack([pose.valid for pose in poses if pose is not None]).all(axis=0)
    assert points[:, both].std(axis=0).max() < 0.5  # pixels, of a face 100 pixels wide


def test_a_lost_person_is_none_until_a_region_starts_again(
    holistic_files: Path, astronaut: np.ndarray, start: Region
) -> None:
    holistic = Holistic(holistic_files)
    assert holistic.push(astronaut) is None
    assert holistic.push(astronaut, start) is not None
    assert holistic.push(np.zeros_like(astronaut)) is None
    assert holistic.region is None
    assert holistic.landmarks is None
    assert holistic.push(astronaut) is None
    assert holistic.push(astronaut, start) is not None


def test_a_region_restarts_tracking_whatever_came_before(
    holistic_files: Path, astronaut: np.ndarray, start: Region
) -> None:
    holistic = Holistic(holistic_files)
    first = holistic.push(astronaut, start)
    for _ in range(3):
        holistic.push(np.roll(astronaut, 9, axis=0))
    again = holistic.push(astronaut, start)
    assert first is not None
    assert again is not None
    np.testing.assert_array_equal(first.points, again.points)


def test_the_hands_are_left_out_and_come_back(
    holistic_files: Path, astronaut: np.ndarray, start: Region
) -> None:
    holistic = Holistic(holistic_files)

    def networks() -> set[str]:
        assert holistic.push(astronaut, start) is not None
        return set(holistic.timings_ms)

    whole = networks()
    hands = {name for name in whole if "hand" in name}
    assert hands
    holistic.leave_hands(True)
    assert networks() == whole - hands
    assert holistic.landmarks is not None
    assert (holistic.landmarks.left_hand, holistic.landmarks.right_hand) == (None, None)
    holistic.leave_hands(False)
    assert networks() == whole


def test_static_remembers_nothing(holistic_files: Path, astronaut: np.ndarray, start: Region) -> None:
    holistic = Holistic(holistic_files, static=True)
    assert holistic.push(astronaut, start) is not None
    assert holistic.push(astronaut) is None


def test_timings_tell_networks_warps_and_the_rest_apart(
    holistic_files: Path, astronaut: np.ndarray, start: Region
) -> None:
    holistic = Holistic(holistic_files)
    begun = time.perf_counter()
    holistic.push(astronaut, start)
    total = 1e3 * (time.perf_counter() - begun)
    timings = holistic.timings_ms
    assert {"pose_landmark_full", "face_landmark", "iris_landmark", "warp", "other"} <= set(timings)
    assert all(value > 0 for value in timings.values())
    assert sum(timings.values()) <= total
    networks = {name: ms for name, ms in timings.items() if name not in {"warp", "other"}}
    assert holistic.network_ms == pytest.approx(sum(networks.values()))


def test_a_missing_file_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="undertone models pull holistic"):
        Holistic(tmp_path)


def test_the_package_alone_loads_no_runtime() -> None:
    code = "import sys, stream.frontend.mediapipe; print('ai_edge_litert' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
