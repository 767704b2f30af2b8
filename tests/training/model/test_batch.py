"""A batch says which branches have anything to read, and moves as a whole."""

import numpy as np
import pytest
import torch

from stream.bundle.manifest import Window
from training.config import Data, Stage, Target
from training.data.prepared import prepare
from training.data.sampling import Cut, assemble, random_cuts
from training.data.simulated import described, simulated
from training.model.text import train_tokenizer

DATA = Data(profile="demo", seconds=10.0, texts=64)
WINDOW = Window()


@pytest.fixture(scope="module")
def people():
    tokenizer = train_tokenizer([r.text for r in described(DATA, "demo", 5)], 200)
    return [prepare(r, WINDOW, tokenizer, 24, 4) for r in simulated(DATA, "demo", 2, 0)]


def test_present_follows_the_masks(people):
    stage = Stage(batch=3, seconds=(3.0, 6.0))
    batch = assemble(random_cuts(people, stage, WINDOW, 3, np.random.default_rng(0)), WINDOW, Target())
    for mask in batch.masks.values():
        mask[0] = False
    assert batch.present[:, 0].tolist() == [False, True, True]


def test_every_tensor_moves(people):
    batch = assemble([Cut(people[0], 0, 50)], WINDOW, Target())
    assert batch.to(torch.device("cpu")) is batch
    moved = batch.to(torch.device("meta"))
    devices = {
        x.device.type for x in (*moved.groups.values(), *moved.masks.values(), moved.target, moved.ids)
    }
    assert devices == {"meta"}
    assert moved.groups["face"].shape == batch.groups["face"].shape
    assert moved.ages is None
