from pathlib import Path

import cv2
import numpy as np
import pytest

from stream.frontend.mediapipe import ssd
from stream.frontend.mediapipe.person_detector import PoseDetector, views
from stream.geometry import overlap


@pytest.fixture(scope="module")
def detector(holistic_files: Path) -> PoseDetector:
    return PoseDetector(holistic_files / "pose_detection.tflite")


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    path = Path(__file__).resolve().parents[3] / "data" / "astronaut.png"
    return cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)


def test_anchors_are_the_middles_of_the_cells() -> None:
    middles = ssd.anchors(224, ((8, 2), (16, 2), (32, 6)))
    assert middles.shape == (2254, 2)
    np.testing.assert_allclose(middles[0], (4 / 224, 4 / 224))
    np.testing.assert_array_equal(middles[0], middles[1])
    np.testing.assert_allclose(middles[2], (12 / 224, 4 / 224))  # x first, row by row
    np.testing.assert_allclose(middles[-1], (1 - 16 / 224, 1 - 16 / 224))


def _raw(*rows: tuple[float, ...]) -> np.ndarray:
    return np.array(rows, np.float32)


def test_a_box_is_its_offset_from_the_middle_of_its_cell() -> None:
    points, scores = ssd.decode(_raw((10, 20, 30, 40, 5, 6)), _raw((2.0,)), _raw((0.5, 0.5)), 100)
    np.testing.assert_allclose(points[0], ((0.45, 0.5), (0.75, 0.9), (0.55, 0.56)), atol=1e-6)
    assert scores[0] == pytest.approx(1 / (1 + np.exp(-2.0)))


def test_boxes_that_overlap_are_averaged_by_score_and_others_kept() -> None:
    raw = _raw((0, 0, 40, 40), (4, 0, 40, 40), (0, 0, 40, 40))
    middles = _raw((0.3, 0.3), (0.3, 0.3), (0.8, 0.8))
    points, scores = ssd.decode(raw, _raw((0.0,), (50.0,), (1.0,)), middles, 100)
    assert len(points) == 2
    np.testing.assert_allclose(points[0, 0], (0.3 - 0.2 + 0.04 / 1.5, 0.1), atol=1e-6)
    np.testing.assert_allclose(points[1, 0], (0.6, 0.6), atol=1e-6)
    assert scores[0] > scores[1]


def test_nothing_above_the_threshold_is_nothing() -> None:
    points, scores = ssd.decode(_raw((0, 0, 40, 40, 1, 1)), _raw((-0.1,)), _raw((0.5, 0.5)), 100)
    assert points.shape == (0, 3, 2)
    assert scores.shape == (0,)


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
