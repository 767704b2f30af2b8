"""Anchors, decoding and weighted suppression, by hand-made outputs."""

import numpy as np
import pytest

from stream.frontend.mediapipe import ssd


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
