"""Inverse kinematics: bones keep their length where a wrist can be reached; hands point as asked."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from training.gestures.simulator import arms

PLACE = st.tuples(st.floats(-4, 4), st.floats(-4, 4), st.floats(0.2, 4))


@given(st.lists(PLACE, min_size=1, max_size=8), st.sampled_from([-1, 1]))
def test_bones_keep_their_length(places, side):
    wrist = np.array(places)
    shoulder = np.zeros_like(wrist)
    elbow = arms.two_bone(shoulder, wrist, arms.UPPER, arms.FORE, arms.pole(side))
    apart = np.linalg.norm(wrist, axis=1)
    reachable = (apart > arms.UPPER - arms.FORE + 1e-3) & (apart < arms.UPPER + arms.FORE)
    upper, fore = np.linalg.norm(elbow, axis=1), np.linalg.norm(wrist - elbow, axis=1)
    np.testing.assert_allclose(upper[reachable], arms.UPPER, rtol=1e-6)
    np.testing.assert_allclose(fore[reachable], arms.FORE, rtol=1e-6)
    assert np.isfinite(elbow).all()


def test_a_wrist_out_of_reach_gives_a_straight_arm():
    shoulder, wrist = np.zeros((1, 3)), np.array([[12.0, 0.0, 0.0]])
    elbow = arms.two_bone(shoulder, wrist, 5.0, 4.0, arms.pole(1))
    np.testing.assert_allclose(np.cross(elbow[0], wrist[0]), 0, atol=1e-6)
    assert 0 < elbow[0, 0] < 12


def test_elbows_hang_down_and_outward():
    shoulder, wrist = np.array([[-2.8, 3.4, 0.0]]), np.array([[-2.0, 2.9, 2.5]])
    elbow = arms.two_bone(shoulder, wrist, arms.UPPER, arms.FORE, arms.pole(-1))[0]
    assert elbow[0] < -2.8
    assert elbow[1] > 5


def test_hands_point_where_they_should():
    wrist = np.array([[1.0, 2.0]] * 3)
    direction = np.array([[0.0, -1.0], [1.0, 0.0], [0.0, 1.0]])
    for side in (-1, 1):
        found = arms.hand(wrist, direction, side, curl=1.0)
        assert found.shape == (3, 21, 2)
        np.testing.assert_allclose(found[:, 0], wrist)
        middle = found[:, 12] - wrist
        cosine = (middle * direction).sum(1) / np.linalg.norm(middle, axis=1)
        assert (cosine > 0.97).all()
    left, right = arms.hand(wrist[:1], direction[:1], 1)[0], arms.hand(wrist[:1], direction[:1], -1)[0]
    np.testing.assert_allclose(left[:, 0] - 1, 1 - right[:, 0], atol=1e-6)


def test_a_smooth_step_has_no_jerk_at_its_ends():
    t = np.linspace(-0.5, 1.5, 2001)
    found = arms.smooth_step(t)
    assert (found[t <= 0] == 0).all()
    assert (found[t >= 1] == 1).all()
    assert (np.diff(found) >= 0).all()
