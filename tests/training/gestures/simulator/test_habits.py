"""Habits: people differ, and everybody's mix is one."""

import numpy as np
import pytest

from training.gestures.simulator.catalogue import chosen, prior
from training.gestures.simulator.habits import alike
from training.gestures.simulator.scenes import World, act

WORLD = World(labels=chosen(26), seconds=60.0)


def test_people_differ_in_habits():
    worlds = [act(seed, WORLD).habits for seed in range(6)]
    assert np.std([h.right for h in worlds]) > 0.05
    assert np.std([h.shift[0] for h in worlds]) > 0.02
    assert all(h.mix.sum() == pytest.approx(1) for h in worlds)
    assert len({tuple(h.mix.round(3)) for h in worlds}) == 6


def test_a_person_without_habits_has_the_mix_of_all():
    shares = prior(chosen(8), 50.0)
    found = alike(chosen(8), shares)
    np.testing.assert_array_equal(found.mix, shares)
    assert (found.speed, found.size, found.shift) == (1.0, 1.0, (0.0, 0.0))
