"""Augmentation keeps the meaning: mirrored twice is the same, gaps stay gaps, one branch is always left."""

import dataclasses

import numpy as np
import pytest
import torch

from stream.bundle.manifest import Window
from stream.skeleton import GROUPS
from training.config import Dropping, Target
from training.data.augment import augment, drop_branches, mirrored, refit
from training.data.prepared import prepare
from training.data.sampling import Cut, assemble
from training.model.text import train_tokenizer
from training.simulator.behaviour import DEMO
from training.simulator.recordings import simulate

WINDOW = Window(poses=500, features=100)


@pytest.fixture(scope="module")
def prepared():
    changes = simulate(DEMO, 0, 12.0, 2, parts=(("win", 6.0), ("loss", 6.0)))
    recordings = [simulate(DEMO, 1, 12.0, 1), dataclasses.replace(changes, mixed=True)]
    tokenizer = train_tokenizer([r.text for r in recordings], 100)
    return [prepare(r, WINDOW, tokenizer, 16, 8) for r in recordings]


def test_mirroring_twice_gives_the_window_back(prepared):
    for name in GROUPS:
        x = prepared[0].groups[name][None, :50].float()
        once = mirrored(x, name)
        torch.testing.assert_close(mirrored(once, name), x, atol=1e-6, rtol=0)
        if x.any():
            assert not torch.equal(once, x)


def test_refitting_the_box_scales_displacements_and_keeps_gaps(prepared):
    x = prepared[0].groups["face"][None, :50].float()
    y = x.clone()
    refit(y, "face", torch.full((1, 1, 1, 2), 2.0), torch.full((1, 1, 1, 2), 0.1))
    points, moved = (v.reshape(1, 50, 70, 4, 2) for v in (x, y))
    assert torch.allclose(moved[..., 1:, :], 2 * points[..., 1:, :])
    there = points[..., 0, :] != 0
    assert torch.allclose(moved[..., 0, :][there], (2 * points[..., 0, :] - 0.4)[there], atol=1e-6)
    assert not moved[..., 0, :][~there].any()


def test_augmentation_leaves_nothing_where_the_mask_says_nothing(prepared):
    batch = assemble([Cut(p, 0, 200) for p in prepared], WINDOW, Target())
    augment(batch, Dropping(group=0.5, gap=1.0), np.random.default_rng(3))
    for name in GROUPS:
        assert not batch.groups[name][~batch.masks[name]].any()


def test_a_window_never_loses_its_last_branch():
    present = torch.tensor([[True, False, True]] * 500)
    kept = drop_branches(present, Dropping(keypoints=0.9, text=0.9), np.random.default_rng(0))
    assert kept.any(1).all()
    assert not (kept & ~present).any()
    assert (kept.sum(1) == 1).any()


def test_no_window_mirrored_is_fine(prepared):
    for name in GROUPS:
        x = prepared[0].groups[name][None, :50].float()
        assert mirrored(x[:0], name).shape == (0, *x.shape[1:])
