"""Portraits of made-up people: they vary, and their targets say how."""

import numpy as np
import pytest

from training.simulator.crops import PATCHES, SIZE, TARGETS, Crops, crops_of
from training.simulator.warp import Performer

pytestmark = [pytest.mark.slow, pytest.mark.training]


@pytest.fixture(scope="module")
def crops() -> Crops:
    return crops_of(Performer(), 24, np.random.default_rng(0))


def test_crops_show_the_head_and_vary(crops):
    assert crops.images.shape == (24, SIZE, SIZE, 3)
    assert crops.targets.shape == (24, len(TARGETS))
    assert crops.motion.shape == (24, PATCHES, 2)
    assert (crops.targets.std(0) > 0.1).all()
    assert crops.images.std(0)[10:60, 30:90].mean() > 3  # the head moves


def test_a_nod_moves_the_patches_of_the_face_down():
    performer = Performer()
    still = crops_of(performer, 40, np.random.default_rng(1))
    nod = still.targets[:, TARGETS.index("nod")]
    face = still.motion[:, [5, 14], 1].mean(1)  # patches of the hair, which no expression moves
    assert np.corrcoef(nod, face)[0, 1] > 0.9
