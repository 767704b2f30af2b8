"""Inputs of every branch at their shape: with chance in training, the same every time in tests."""

import numpy as np
import pytest
import torch

SHAPES = {
    "coordinates": (2, 6, 8, 36),
    "joints": (2, 24, 4, 12, 12),
    "limbs": (2, 24, 4, 12, 12),
    "swin3d": (2, 3, 4, 16, 16),
    "r2plus1d": (2, 3, 4, 16, 16),
}


@pytest.mark.parametrize("name", SHAPES)
def test_inputs_of_every_branch(quick_gestures, ground, name):
    read, places = ground.reader(name, quick_gestures), np.array([0, 5])
    plain = read(places)
    assert tuple(plain.shape) == SHAPES[name]
    assert torch.equal(plain, read(places))
    varied = read(places, np.random.default_rng(0))
    assert varied.shape == plain.shape
    assert not torch.equal(varied, plain)
    assert torch.equal(varied, read(places, np.random.default_rng(0)))


def test_another_light_and_the_mirror_keep_what_is_shown(quick_gestures, ground):
    read = ground.reader("r2plus1d", quick_gestures)
    plain, varied = (read(np.array([3]), rng).float() for rng in (None, np.random.default_rng(1)))
    assert varied.min() >= 0
    assert varied.max() <= 255
    assert abs(float(plain.mean() - varied.mean())) < 0.5 * float(plain.mean())
