"""The oracle: right most of the time and not always."""

import numpy as np
import pytest

from training.gestures.simulator import oracle
from training.gestures.simulator.catalogue import chosen
from training.gestures.simulator.scenes import World, act


def test_the_oracle_is_right_most_of_the_time_and_not_always():
    world = World(labels=chosen(26), imbalance=20.0, seconds=240.0)
    said, true = map(
        np.concatenate, zip(*(oracle.judge(act(s, world), world.labels) for s in range(6)), strict=True)
    )
    right = (said == true).mean()
    assert len(true) > 150
    assert 0.85 < right < 1.0
    g = act(0, world).gestures[0]
    assert oracle.posterior(g, world.labels, np.full(26, 1 / 26)).sum() == pytest.approx(1)
