"""Coordinates: the mirror is its own inverse, what is not seen is zero, motion is per tick."""

from dataclasses import replace

import numpy as np
import pytest

from training.gestures.data import coordinates
from training.gestures.data.coordinates import Changes, features, mirrored, sample
from training.gestures.data.skeletons import Skeletons
from training.gestures.points import POINTS_36

PLACES = np.array([0, 3, 5])


def test_flipping_twice_changes_nothing(skeletons):
    s = sample(skeletons, PLACES, 16)
    mirror = POINTS_36.mirror
    once = mirrored(s.points, s.valid, mirror)
    assert not np.array_equal(once[0], s.points)
    twice = mirrored(*once, mirror)
    np.testing.assert_array_equal(twice[0], s.points)
    np.testing.assert_array_equal(twice[1], s.valid)


def test_a_flip_is_the_only_change_when_only_flips_are_asked(skeletons):
    """Which clips are drawn does not depend on it, so labels stay where they are."""
    rng = np.random.default_rng(0)
    s = sample(skeletons, PLACES, 16, Changes(1.0, 0, 0, 0, 0, 0), rng)
    plain = sample(skeletons, PLACES, 16, Changes(0.0, 0, 0, 0, 0, 0), np.random.default_rng(0))
    assert s.flipped.all()
    np.testing.assert_allclose(mirrored(s.points, s.valid, POINTS_36.mirror)[0], plain.points, atol=1e-6)


def test_what_is_not_seen_is_zero_in_every_channel(skeletons):
    s = sample(skeletons, PLACES, 24, Changes(drop=1.0), np.random.default_rng(1))
    found = features(s)
    assert found.shape == (3, 6, 24, 36)
    assert found.dtype == np.float32
    assert not found.transpose(0, 2, 3, 1)[~s.valid].any()
    face = list(POINTS_36.groups["face"])
    assert not s.valid[:, :, face].any()
    both = s.valid & s.before_valid
    assert not found[:, 3:].transpose(0, 2, 3, 1)[~both].any()


def test_displacements_are_per_tick_whatever_the_sampling():
    ticks = 40
    points = np.zeros((ticks, 36, 2), np.float32)
    points[:, :, 0] = 0.25 * np.arange(ticks)[:, None]
    square = np.array([[0, 0, 2]], np.float32)
    made = Skeletons(points, np.ones((ticks, 36), np.bool_), np.array([0, ticks]), square, POINTS_36)
    found = features(sample(made, np.array([0]), 8))
    np.testing.assert_allclose(found[0, 3], 0.25)
    np.testing.assert_allclose(found[0, 5], 0.25)
    short = replace(made, starts=np.array([0, 4, ticks]), squares=np.repeat(square, 2, 0))
    first = features(sample(short, np.array([0]), 8))[0, 3, :, 0]
    assert first[0] == 0  # a clip's first tick has none before it, though its video has
    assert first[4] == 0  # nor has it after a wrap
    assert first[1] == 0.25


def test_a_clip_of_ten_ticks_gives_48(skeletons):
    i = int(skeletons.lengths.argmin())
    assert sample(skeletons, np.array([i]), 48, Changes(), np.random.default_rng(0)).points.shape[1] == 48


def test_a_clip_of_nobody_is_finite(skeletons):
    nobody = replace(skeletons, valid=np.zeros_like(skeletons.valid), points=np.zeros_like(skeletons.points))
    found = features(sample(nobody, PLACES, 16, Changes(), np.random.default_rng(0)))
    assert not found.any()


def test_rotation_keeps_lengths_and_jitter_is_as_large_as_the_trackers(skeletons):
    turned = sample(skeletons, PLACES, 16, Changes(0, 10, 0, 0, 0, 0), np.random.default_rng(3))
    plain = sample(skeletons, PLACES, 16, Changes(0, 0, 0, 0, 0, 0), np.random.default_rng(3))
    a, b = np.linalg.norm(turned.points, axis=-1), np.linalg.norm(plain.points, axis=-1)
    np.testing.assert_allclose(a, b, atol=1e-5)
    assert not np.allclose(turned.points, plain.points, atol=1e-4)
    shaken = sample(skeletons, PLACES, 16, Changes(0, 0, 0, 0, 0, 1), np.random.default_rng(3))
    apart = (shaken.points - plain.points)[plain.valid]
    assert apart.std() == pytest.approx(coordinates.noise_of(skeletons).mean(), rel=0.5)
