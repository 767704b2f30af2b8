"""Regions, heat-map refinement, resting: small parts of the chain, without networks."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.frontend.mediapipe import regions
from stream.frontend.mediapipe.hands import from_hand
from stream.frontend.mediapipe.pose import next_region, refine, region_from


def _points(*rows: tuple[float, float]) -> np.ndarray:
    return np.array(rows, np.float32)


@given(st.floats(-3, 3), st.floats(1, 100))
def test_turning_by_the_answer_brings_the_vector_to_its_target(angle: float, length: float) -> None:
    end = _points((length * math.cos(angle), length * math.sin(angle)))[0]
    turn = regions.turn(_points((0, 0))[0], end, 90.0)
    c, s = math.cos(-turn), math.sin(-turn)  # the crop undoes the region's rotation
    assert c * end[0] - s * end[1] == pytest.approx(0, abs=1e-3 * length)
    assert s * end[0] + c * end[1] == pytest.approx(-length, rel=1e-3)  # up: y runs down
    assert -math.pi <= turn <= math.pi


def test_the_pose_region_is_a_quarter_larger_than_the_circle_around_the_person() -> None:
    region = region_from(_points((50, 80), (50, 20)))
    assert (region.cx, region.cy) == (50, 80)
    assert region.width == region.height == pytest.approx(2 * 60 * 1.25)
    assert region.rotation == pytest.approx(0)


def test_the_hand_region_of_a_pose_is_centred_nearer_to_the_index() -> None:
    wrist, pinky, index = _points((0, 0), (-3, -9), (3, -9))
    region = regions.hand_from_pose(wrist, pinky, index)
    assert (region.cx, region.cy) == pytest.approx((1, -9))
    assert region.width == pytest.approx(2 * math.hypot(1, 9))


def test_the_hand_region_of_a_hand_holds_all_points() -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(100, 20, (21, 2)).astype(np.float32)
    region = regions.hand_from_hand(points)
    c, s = math.cos(region.rotation), math.sin(region.rotation)
    local = (points - (region.cx, region.cy)) @ np.array(((c, -s), (s, c)))
    assert np.abs(local[:, 0]).max() == pytest.approx(region.width / 2, abs=1e-2)
    assert np.abs(local[:, 1]).max() == pytest.approx(region.height / 2, abs=1e-2)
    assert from_hand(points).width == pytest.approx(2 * max(region.width, region.height))


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
