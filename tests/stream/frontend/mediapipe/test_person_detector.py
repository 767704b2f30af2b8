from pathlib import Path

import cv2
import numpy as np
import pytest

from stream.frontend.mediapipe.person_detector import PoseDetector, views
from stream.geometry import overlap


@pytest.fixture(scope="module")
def detector(holistic_files: Path) -> PoseDetector:
    return PoseDetector(holistic_files / "pose_detection.tflite")


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    path = Path(__file__).resolve().parents[3] / "data" / "astronaut.png"
    return cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (720, 1280), (640, 640), (1920, 800), (333, 777)])
def test_views_cover_the_frame_and_overlap(width: int, height: int) -> None:
    for level in views(width, height):
        covered = np.zeros((height, width), np.uint8)
        for view in level:
            x0, y0, x1, y1 = (round(value) for value in view.box)
            assert x0 >= 0
            assert y0 >= 0
            covered[y0:y1, x0:x1] += 1
        assert covered.min() >= 1
        if len(level) > 1:
            assert covered.max() >= 2


def test_one_person_is_found_once_with_a_box_around_her(detector: PoseDetector, portrait: np.ndarray) -> None:
    (found,) = detector(portrait)
    assert found.score > 0.7
    assert overlap(found.box, (60, 10, 450, 512)) > 0.6


def test_a_person_far_off_in_a_wide_frame_is_found_in_a_tile(
    detector: PoseDetector, portrait: np.ndarray
) -> None:
    small = cv2.resize(portrait, (150, 150), interpolation=cv2.INTER_AREA)
    frame = np.full((360, 1280, 3), 96, np.uint8)
    frame[150:300, 1000:1150] = small
    assert detector(frame, tiles=False) == []
    (found,) = detector(frame)
    assert overlap(found.box, (1015, 150, 1140, 300)) > 0.3


def test_an_empty_picture_shows_nobody(detector: PoseDetector) -> None:
    assert detector(np.full((240, 320, 3), 127, np.uint8)) == []
