"""One training step of every branch at its true size: shapes, finite gradients."""

import numpy as np
import pytest
import torch

from training.gestures.data import heatmaps
from training.gestures.data.coordinates import Changes, features, sample
from training.gestures.data.inputs import FLIPS
from training.gestures.data.skeletons import read
from training.gestures.learning.losses import anchors_of, total
from training.gestures.models.build import build
from training.gestures.models.head import all_finite
from training.gestures.points import POINTS_68, single
from training.gestures.recipe import load

pytestmark = pytest.mark.slow
FULL = load("gestures-full")
INPUTS = {
    "coordinates": (6, 64, 68),
    "joints": (68, 48, 56, 56),
    "limbs": (66, 48, 56, 56),
    "swin3d": (3, 32, 224, 224),
    "r2plus1d": (3, 16, 112, 112),
}


def inputs(name, store, clips):
    if name in ("swin3d", "r2plus1d"):
        return torch.randint(0, 255, (1, *INPUTS[name]), dtype=torch.uint8)
    skeletons = read(store, clips[:2], POINTS_68)
    places, rng = np.array([0, 1]), np.random.default_rng(0)
    if name == "coordinates":
        return torch.from_numpy(features(sample(skeletons, places, 64, Changes(), rng)))
    s = sample(skeletons, places[:1], 48, FLIPS, rng)
    shown = heatmaps.windows(skeletons.squares[:1], s.flipped, 0.56, rng)
    place, score = heatmaps.pixels(s, shown, 56)
    if name == "joints":
        return heatmaps.joints(place, score, 56, single(68))
    return heatmaps.limbs(place, score, 56, POINTS_68.limbs, single(66))


@pytest.mark.parametrize("name", INPUTS)
def test_one_step(name, gesture_store, clips):
    x = inputs(name, gesture_store, clips)
    assert tuple(x.shape[1:]) == INPUTS[name]
    branch = build(name, FULL).train()
    label = torch.full((len(x),), 7)
    said = branch(x)
    assert said.logits.shape == (len(x), 32)
    assert said.embedding.shape == (len(x), 64)
    assert all_finite(said)
    anchors = anchors_of(FULL.objective, 0)
    total(said, label, torch.ones(len(x)), torch.ones(32), anchors, FULL.objective, 1.0).backward()
    gradients = [p.grad for p in branch.parameters() if p.grad is not None]
    assert all(torch.isfinite(g).all() for g in gradients)
    assert sum(float(g.abs().sum()) for g in gradients) > 0
