"""Made-up videos: deterministic, gestures where they should be, nothing static that gives a class away."""

from dataclasses import replace

import numpy as np
import pytest

from stream.skeleton import INDEX, LEFT_HAND, RIGHT_HAND
from training.corpus.gestures import cover, lengths
from training.gestures.simulator import oracle
from training.gestures.simulator.catalogue import BY_LABEL, chosen
from training.gestures.simulator.recordings import framing, gesture_recording, record
from training.gestures.simulator.scenes import World, act

WORLD = World(labels=chosen(26), seconds=60.0)
TIPS = [LEFT_HAND.start + 12, RIGHT_HAND.start + 12]


def test_the_same_seed_gives_the_same_recording():
    first, again, other = (gesture_recording(seed, WORLD) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.points, again.points)
    np.testing.assert_array_equal(first.gestures, again.gestures)
    assert not np.array_equal(first.points, other.points)
    assert first.subject == "gesturing-3"
    assert first.ticks == 1500
    assert not first.points[~first.valid].any()


def test_the_share_of_the_time_is_that_of_the_data_set():
    world = replace(WORLD, seconds=300.0)
    tracks = [act(seed, world).rows for seed in range(8)]
    covered = np.mean([(cover(rows, 7500) > 0).mean() for rows in tracks])
    assert 0.30 < covered < 0.44
    seconds = np.concatenate([lengths(rows) for rows in tracks]) / 25
    assert 1.8 < seconds.mean() < 3.0
    assert seconds.min() >= 0.3
    assert seconds.max() <= 8.2


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


def test_people_differ_in_habits():
    worlds = [act(seed, WORLD).habits for seed in range(6)]
    assert np.std([h.right for h in worlds]) > 0.05
    assert np.std([h.shift[0] for h in worlds]) > 0.02
    assert all(h.mix.sum() == pytest.approx(1) for h in worlds)
    assert len({tuple(h.mix.round(3)) for h in worlds}) == 6
