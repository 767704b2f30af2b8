"""Schedules: the data set's share of the time, one gesture after the other."""

from dataclasses import replace

import numpy as np

from training.corpus.gestures import cover, lengths
from training.gestures.simulator.catalogue import chosen
from training.gestures.simulator.scenes import World, act
from training.gestures.simulator.schedule import rows_of

WORLD = World(labels=chosen(26), seconds=60.0)


def test_the_share_of_the_time_is_that_of_the_data_set():
    world = replace(WORLD, seconds=300.0)
    tracks = [act(seed, world).rows for seed in range(8)]
    covered = np.mean([(cover(rows, 7500) > 0).mean() for rows in tracks])
    assert 0.30 < covered < 0.44
    seconds = np.concatenate([lengths(rows) for rows in tracks]) / 25
    assert 1.8 < seconds.mean() < 3.0
    assert seconds.min() >= 0.3
    assert seconds.max() <= 8.2


def test_gestures_follow_each_other_and_rows_lie_within():
    scene = act(3, WORLD)
    ends = [g.end for g in scene.gestures]
    assert all(g.start > end for g, end in zip(scene.gestures[1:], ends, strict=False))
    rows = rows_of(scene.gestures, 1500, np.random.default_rng(0))
    assert (rows[:, 1] <= rows[:, 2]).all()
    assert rows[:, 2].max() < 1500
    assert rows[:, 0].tolist() == [g.kind.label for g in scene.gestures]
    assert rows[:, 3].tolist() == list(range(len(rows)))
