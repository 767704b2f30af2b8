"""Motion: hands reach their place and come back, and nothing jumps."""

import numpy as np
import pytest

from stream.skeleton import INDEX, LEFT_HAND, RIGHT_HAND
from training.gestures.simulator.catalogue import BY_LABEL
from training.gestures.simulator.motion import envelope
from training.gestures.simulator.scenes import World, act

TIPS = [LEFT_HAND.start + 12, RIGHT_HAND.start + 12]


def test_finger_tips_reach_the_place_of_their_class():
    world = World(labels=(3, 10), imbalance=1.5, seconds=60.0)
    scene = act(0, world)
    reached = {}
    for g in scene.gestures:
        tick = round((g.start + g.seconds / 2) * 25)
        hand = TIPS[0] if g.side > 0 else TIPS[1]
        head = scene.points[tick, [INDEX["right_eye"], INDEX["left_eye"]]].mean(0)
        reached.setdefault(g.kind.label, []).append((scene.points[tick, hand] - head)[1])
    assert np.mean(reached[3]) == pytest.approx(BY_LABEL[3].mean[2], abs=0.7)
    assert np.mean(reached[10]) == pytest.approx(BY_LABEL[10].mean[2], abs=0.7)


def test_hands_leave_and_return_without_a_jump():
    g = act(0, World(labels=(3, 10), imbalance=1.5, seconds=30.0)).gestures[0]
    e = envelope(
        g, np.array([g.start - 1, g.start, g.start + g.approach, g.end - g.retreat, g.end, g.end + 1])
    )
    np.testing.assert_allclose(e, [0, 0, 1, 1, 0, 0], atol=1e-6)
    scene = act(0, World(labels=(3, 10), imbalance=1.5, seconds=30.0))
    steps = np.linalg.norm(np.diff(scene.points[:, RIGHT_HAND.start], axis=0), axis=-1)
    assert steps.max() < 4.0  # face units a tick: less than from the table to the head
