"""Tracking from frame to frame, on a real picture that moves."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from stream import skeleton
from stream.errors import ModelError
from stream.frontend.mediapipe import litert
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


def test_a_region_starts_anew_whatever_came_before(
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


def test_a_network_runs_without_the_interpreter_lock(holistic_files: Path) -> None:
    """Another thread takes many turns during few calls; were the lock held, it would take one a call."""
    network = litert.Network(
        holistic_files / "hand_landmark_full.tflite",
        size=224,
        outputs=((1, 63), (1, 1), None, None),
        threads=1,
    )
    crop, stop, turns = np.zeros((224, 224, 3), np.uint8), threading.Event(), [0]

    def count() -> None:
        while not stop.is_set():
            turns[0] += 1
            time.sleep(0)

    thread = threading.Thread(target=count)
    thread.start()
    for _ in range(10):
        network(crop)
    stop.set()
    thread.join()
    assert turns[0] > 100


def test_cutting_unread_outputs_leaves_the_read_ones_as_they_were(holistic_files: Path) -> None:
    path, size = holistic_files / "pose_landmark_full.tflite", 256
    shapes = ((1, 195), (1, 1), (1, 256, 256, 1), (1, 64, 64, 39), (1, 117))
    whole = litert.Network(path, size=size, outputs=shapes, threads=2)
    cut = litert.Network(path, size=size, outputs=(shapes[0], shapes[1], None, shapes[3], None), threads=2)
    crop = np.random.default_rng(0).integers(0, 256, (size, size, 3), np.uint8)
    flat, presence, _, heat, _ = [np.array(output) for output in whole(crop)]
    for ours, theirs in zip(cut(crop), (flat, presence, heat), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda data: b"", "does not load"),
        (lambda data: b"<html>" + data[:2000], "does not load"),
        (lambda data: data[: len(data) // 2], "does not load|has tensors"),
    ],
)
def test_a_damaged_file_is_a_model_error(change, sentence: str, holistic_files: Path, tmp_path: Path) -> None:
    path = tmp_path / "hand_recrop.tflite"
    path.write_bytes(change((holistic_files / "hand_recrop.tflite").read_bytes()))
    with pytest.raises(ModelError, match=sentence):
        litert.Network(path, size=256, outputs=((1, 1, 1, 4),), threads=1)


def test_another_network_under_the_name_is_a_model_error(holistic_files: Path) -> None:
    with pytest.raises(ModelError, match="expected float32"):
        litert.Network(holistic_files / "face_landmark.tflite", size=64, outputs=((1, 15), (1, 1)), threads=1)


def test_a_missing_file_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="undertone models pull holistic"):
        Holistic(tmp_path)


def test_the_package_alone_loads_no_runtime() -> None:
    code = "import sys, stream.frontend.mediapipe; print('ai_edge_litert' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
