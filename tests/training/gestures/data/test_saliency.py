"""Where to look: around what moves, never by the label, and never nowhere."""

import numpy as np
import pytest

from stream.skeleton import COUNT, INDEX
from training.gestures.data.saliency import portrait, salient, square

PORTRAIT = (0.0, 0.0, 400.0, 300.0)


def clip(moving=(), ticks=20):
    points = np.tile(np.random.default_rng(0).uniform(100, 300, (COUNT, 2)), (ticks, 1, 1)).astype(np.float32)
    for point in moving:
        points[:, point, 0] += np.arange(ticks) * 5
    return points, np.ones((ticks, COUNT), np.bool_)


def test_what_moves_is_inside_and_what_rests_may_be_outside():
    points, valid = clip([INDEX["left_hand_index_4"]])
    points[:, INDEX["right_hand_pinky_4"]] = (2000, 2000)  # rests far away
    x0, y0, x1, y1 = salient(points, valid, PORTRAIT)
    assert x1 - x0 == pytest.approx(y1 - y0)
    moving = points[:, INDEX["left_hand_index_4"]]
    assert (moving[:, 0] > x0).all()
    assert (moving[:, 0] < x1).all()
    assert x1 < 1000
    nose = points[0, INDEX["nose"]]
    assert x0 < nose[0] < x1


def test_invalid_points_are_not_looked_at():
    points, valid = clip()
    points[:, INDEX["left_wrist"]] = 0
    valid[:, INDEX["left_wrist"]] = False
    assert salient(points, valid, PORTRAIT)[0] > 20


def test_nobody_gives_the_portrait():
    points, valid = clip()
    assert salient(points, np.zeros_like(valid), PORTRAIT) == square(PORTRAIT, 1.0)
    assert square(PORTRAIT, 1.0) == (0.0, -50.0, 400.0, 350.0)
    one, seen = clip(ticks=1)
    assert np.isfinite(salient(one, seen, PORTRAIT)).all()


def test_the_portrait_is_the_median_of_its_boxes():
    boxes = np.array([[0, 0, 0, 0], [10, 10, 20, 20], [10, 10, 20, 20], [90, 90, 99, 99]], np.float32)
    assert portrait(boxes) == (10, 10, 20, 20)
    assert portrait(boxes[:1]) == (0, 0, 2, 2)
