"""A network is loaded and called: cut to what is read, without the interpreter's lock, or refused."""

import threading
import time
from pathlib import Path

import numpy as np
import pytest

from stream.errors import ModelError
from stream.frontend.mediapipe import litert


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


@pytest.mark.parametrize("content", [b"", b"TFL3", b"\0\0\0\0TFL2" + bytes(99)])
def test_a_file_that_is_no_model_is_recognized_by_its_first_bytes(content: bytes) -> None:
    with pytest.raises(ValueError, match="not a TensorFlow Lite model"):
        litert.trimmed(content, [True])


def test_a_model_with_other_outputs_is_refused(holistic_files: Path) -> None:
    content = (holistic_files / "hand_landmark_full.tflite").read_bytes()
    assert litert.trimmed(content, [True] * 4) is content, "nothing to cut"
    with pytest.raises(ValueError, match="4 outputs, expected 2"):
        litert.trimmed(content, [True, False])


def test_a_crop_is_stretched_to_the_range_that_was_asked_for(holistic_files: Path) -> None:
    network = litert.Network(
        holistic_files / "hand_recrop.tflite", size=256, outputs=((1, 1, 1, 4),), threads=1
    )
    crop = np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8)
    first = np.array(network(crop)[0])
    mirrored = np.array(network(255 - crop, 1.0, 0.0)[0])
    np.testing.assert_allclose(mirrored, first, rtol=1e-3, atol=1e-3)
    assert not np.allclose(np.array(network(crop, -1.0, 1.0)[0]), first, rtol=1e-3)
    assert network.ms > 0
