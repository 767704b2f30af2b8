"""Made-up videos: deterministic, gestures where they should be, nothing static that gives a class away."""

import numpy as np

from stream.skeleton import LEFT_HAND, RIGHT_HAND
from training.gestures.simulator.catalogue import chosen
from training.gestures.simulator.scenes import World, act

WORLD = World(labels=chosen(26), seconds=60.0)
TIPS = [LEFT_HAND.start + 12, RIGHT_HAND.start + 12]


def test_hands_rest_alike_between_all_gestures():
    """A second before a gesture nothing tells which class it will be."""
    scene = act(5, World(labels=(22, 5), imbalance=1.5, seconds=240.0))
    before = {22: [], 5: []}
    for g in scene.gestures:
        tick = int((g.start - 0.1) * 25)
        if tick > 0:
            before[g.kind.label].append(scene.points[tick, RIGHT_HAND.start])
    apart = np.abs(np.median(before[22], axis=0) - np.median(before[5], axis=0))
    assert apart.max() < 0.5


def test_arms_behind_the_body_are_not_seen():
    scene = act(1, World(labels=(18, 22), imbalance=1.5, seconds=60.0))
    behind = [g for g in scene.gestures if g.kind.label == 18]
    assert behind
    for g in behind:
        assert not scene.shown[round((g.start + g.seconds / 2) * 25), RIGHT_HAND].any()
