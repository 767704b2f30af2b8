"""Where to look next, computed from points; without networks."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.frontend.mediapipe import regions
from stream.frontend.mediapipe.hands import from_hand


@given(st.floats(-3, 3), st.floats(1, 100))
def test_turning_by_the_answer_brings_the_vector_to_its_target(angle: float, length: float) -> None:
    end = np.array((length * math.cos(angle), length * math.sin(angle)), np.float32)
    turn = regions.turn(np.zeros(2, np.float32), end, 90.0)
    c, s = math.cos(-turn), math.sin(-turn)  # the crop undoes the region's rotation
    assert c * end[0] - s * end[1] == pytest.approx(0, abs=1e-3 * length)
    assert s * end[0] + c * end[1] == pytest.approx(-length, rel=1e-3)  # up: y runs down
    assert -math.pi <= turn <= math.pi


def test_the_hand_region_of_a_pose_is_centred_nearer_to_the_index() -> None:
    wrist, pinky, index = np.array(((0, 0), (-3, -9), (3, -9)), np.float32)
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
