"""Heat-map refinement, and a region that rests until the person has moved; without networks."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.frontend.mediapipe.pose import next_region, refine, region_from


def _points(*rows: tuple[float, float]) -> np.ndarray:
    return np.array(rows, np.float32)


def test_the_pose_region_is_a_quarter_larger_than_the_circle_around_the_person() -> None:
    region = region_from(_points((50, 80), (50, 20)))
    assert (region.cx, region.cy) == (50, 80)
    assert region.width == region.height == pytest.approx(2 * 60 * 1.25)
    assert region.rotation == pytest.approx(0)


def _heat(*peaks: tuple[int, int]) -> np.ndarray:
    heat = np.full((64, 64, len(peaks)), -20, np.float32)
    for channel, (x, y) in enumerate(peaks):
        heat[y, x, channel] = 10
    return heat


def test_a_point_moves_to_the_heat_near_it() -> None:
    moved = refine(_points((10.2, 20.7), (12.0, 23.0)), _heat((12, 23), (12, 23)))
    np.testing.assert_allclose(moved, ((12, 23), (12, 23)), atol=1e-3)


def test_heat_that_is_weak_far_or_off_the_map_moves_nothing() -> None:
    cells = _points((10.2, 20.7), (10.2, 20.7), (-1.5, 3.0), (64.0, 3.0))
    heat = _heat((12, 23), (30, 30), (0, 3), (63, 3))
    heat[..., 0] -= 11
    np.testing.assert_array_equal(refine(cells, heat), cells)


@given(st.integers(0, 3))
def test_refinement_agrees_with_the_loop_it_replaces(seed: int) -> None:
    rng = np.random.default_rng(seed)
    cells = rng.uniform(-3, 67, (35, 2)).astype(np.float32)
    heat = rng.normal(-1, 1.5, (64, 64, 39)).astype(np.float32)
    expected = cells.copy()
    for point, (x, y) in enumerate(cells):
        column, row = int(x), int(y)
        if column < 0 or column >= 64 or row < 0:
            continue
        weights = {
            (r, c): 1 / (1 + math.exp(-float(heat[r, c, point])))
            for r in range(max(0, row - 4), min(64, row + 5))
            for c in range(max(0, column - 4), min(64, column + 5))
        }
        if weights and max(weights.values()) >= 0.5:
            total = sum(weights.values())
            expected[point] = (
                sum(c * w for (_, c), w in weights.items()) / total,
                sum(r * w for (r, _), w in weights.items()) / total,
            )
    np.testing.assert_allclose(refine(cells, heat), expected, atol=1e-3)


def test_the_pose_region_rests_until_the_person_has_moved() -> None:
    region = region_from(_points((50, 80), (50, 20)))
    assert next_region(region, _points((52, 81), (52, 20))) is region
    assert next_region(region, _points((60, 80), (60, 20))).cx == 60
    assert next_region(region, _points((50, 80), (50, 10))).width == pytest.approx(175)
    assert next_region(region, _points((50, 80), (57, 20))).rotation == pytest.approx(math.atan2(7, 60))
