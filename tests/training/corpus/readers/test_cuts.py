"""Cuts in skeletons alone: jumps of everything, changes of size, and what is no cut."""

import numpy as np
import pytest

from stream.skeleton import FACE, INDEX
from training.corpus.readers.cuts import ENOUGH, GROWN, JUMP, cuts

BOX = np.array((0, 0, 100, 100), np.float32)


def clip(ticks=10):
    """float32 [T, 137, 2] of somebody who sits still, and bool [T, 137]."""
    points = np.random.default_rng(0).uniform(20, 80, (137, 2)).astype(np.float32)
    return np.repeat(points[None], ticks, axis=0), np.ones((ticks, 137), np.bool_)


def at(points, valid):
    return np.flatnonzero(cuts(points, valid, BOX)).tolist()


def test_sitting_still_is_no_cut():
    assert at(*clip()) == []


@pytest.mark.parametrize(("share", "found"), [(0.9, []), (1.1, [5])])
def test_everything_at_another_place_is_a_cut(share, found):
    points, valid = clip()
    points[5:] += (share * JUMP * 100, 0)
    assert at(points, valid) == found


@pytest.mark.parametrize(
    ("times", "found"), [(0.95 * GROWN, []), (1.05 * GROWN, [5]), (1 / GROWN / 1.05, [5])]
)
def test_everything_of_another_size_is_a_cut(times, found):
    points, valid = clip()
    middle = np.median(points[0, : FACE.stop], axis=0)
    points[5:] = middle + times * (points[5:] - middle)
    assert at(points, valid) == found


def test_a_head_that_turns_leaves_the_trunk_where_it_is():
    points, valid = clip()
    points[5:, FACE.start : FACE.stop] += (20, 0)
    assert at(points, valid) == []


def test_without_a_trunk_in_sight_the_rest_decides():
    points, valid = clip()
    valid[:, [INDEX[name] for name in ("neck", "right_shoulder", "left_shoulder", "mid_hip")]] = False
    points[5:] += (20, 0)
    assert at(points, valid) == [5]


def test_hands_do_not_count():
    points, valid = clip()
    points[5:, FACE.stop :] += (60, 0)
    assert at(points, valid) == []


def test_over_a_gap_somebody_may_have_moved_twice_as_far_and_no_more():
    for gap, step, found in ((1, 1.5, []), (1, 2.5, [6]), (4, 2.5, [9])):
        points, valid = clip(20)
        valid[5 : 5 + gap] = False
        points[5:] += (step * JUMP * 100, 0)
        assert at(points, valid) == found, (gap, step)


def test_with_too_few_points_on_both_sides_nothing_is_said():
    points, valid = clip()
    points[5:] += (40, 0)
    valid[5:, ENOUGH - 1 :] = False
    assert at(points, valid) == []
    valid[5:, ENOUGH - 1] = True
    assert at(points, valid) == [5]


@pytest.mark.parametrize("ticks", [0, 1, 3])
def test_nobody_anywhere_is_no_cut(ticks):
    points, valid = clip(ticks)
    assert at(points, valid & False) == []
