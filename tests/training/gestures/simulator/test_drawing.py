"""Drawings: a hand over a face is seen, one behind the body is not."""

import numpy as np

from stream.skeleton import RIGHT_HAND
from training.gestures.simulator.drawing import draw, random_look
from training.simulator.person import TEMPLATE

SIZE, UNIT = 96, 8.0


def drawn(points, shown, seed=0):
    look = random_look(np.random.default_rng(seed))
    return draw(points.astype(np.float32), shown, look, SIZE, UNIT, 200.0, np.random.default_rng(1))


def person():
    return (TEMPLATE + np.array([6.0, 3.0])) * UNIT, np.ones(137, np.bool_)


def test_a_hand_over_the_face_is_seen():
    points, shown = person()
    rest = drawn(points, shown)
    points[RIGHT_HAND] += points[0] - points[RIGHT_HAND].mean(0)
    raised = drawn(points, shown)
    face = np.abs(rest.astype(int) - raised)[20:40, 40:56]
    assert face.max() > 20
    assert rest.shape == (SIZE, SIZE, 3)
    assert rest.dtype == np.uint8


def test_an_arm_behind_the_body_ends_at_its_elbow():
    points, shown = person()
    there = drawn(points, shown)
    shown[RIGHT_HAND] = False
    assert not np.array_equal(there, drawn(points, shown))


def test_people_look_unlike_each_other():
    points, shown = person()
    pictures = [drawn(points, shown, seed).mean((0, 1)) for seed in range(6)]
    assert np.std(pictures, axis=0).max() > 5
