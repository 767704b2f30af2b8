"""Recordings: what a tracker makes of a scene, the same every time."""

import numpy as np

from stream.skeleton import INDEX, LEFT_HAND
from training.gestures.simulator.catalogue import chosen
from training.gestures.simulator.recordings import framing, gesture_recording, record
from training.gestures.simulator.scenes import World, act

WORLD = World(labels=chosen(26), seconds=60.0)


def test_the_same_seed_gives_the_same_recording():
    first, again, other = (gesture_recording(seed, WORLD) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.points, again.points)
    np.testing.assert_array_equal(first.gestures, again.gestures)
    assert not np.array_equal(first.points, other.points)
    assert first.subject == "gesturing-3"
    assert first.ticks == 1500
    assert not first.points[~first.valid].any()


def test_noise_changes_neither_truth_nor_framing():
    scene = act(2, WORLD)
    a, b = record(scene, 2), record(scene, 2)
    np.testing.assert_array_equal(a.points, b.points)
    origin, scale = framing(scene, 2)
    nose = INDEX["nose"]
    seen = a.valid[:, nose]
    expected = scene.points[:, nose] * scale[:, None] + origin
    assert np.abs(a.points[seen, nose] - expected[seen]).mean() < 3 * scale.mean() * 0.05


def test_the_tracker_loses_hands_that_are_there():
    scene = act(2, WORLD)
    found = record(scene, 2)
    there = scene.shown[:, LEFT_HAND].all(1)
    assert 0.4 < found.valid[there, LEFT_HAND.start].mean() < 0.9
