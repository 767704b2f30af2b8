"""Batches by number: what one holds depends on seed, phase, number and process alone."""

import pytest
import torch
from msgspec import structs

from training.config import Dropping
from training.data.materials import from_simulator
from training.data.windows import Windows

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def materials(tiny_recipe):
    return from_simulator(tiny_recipe)


def test_each_process_draws_its_own_batches(tiny_recipe, materials):
    pools, stage = [materials.pools.labelled], tiny_recipe.pretrain
    a, b = (Windows("phase", pools, tiny_recipe, stage, rank=rank)[3] for rank in (0, 1))
    assert not torch.equal(a.groups["face"], b.groups["face"])


def test_a_batch_is_the_same_whenever_it_is_drawn_and_another_in_another_phase(tiny_recipe, materials):
    pools, stage = [materials.pools.labelled], tiny_recipe.pretrain
    windows, other = (Windows(name, pools, tiny_recipe, stage) for name in ("phase", "other"))
    late = list(windows.since(len(windows) - 2))
    assert len(late) == 2
    assert torch.equal(late[-1].groups["face"], windows[len(windows) - 1].groups["face"])
    assert not torch.equal(windows[3].groups["face"], other[3].groups["face"])


def test_branches_are_dropped_only_on_demand(tiny_recipe, materials):
    always = structs.replace(tiny_recipe, dropping=Dropping(keypoints=1.0, image=1.0, text=0.0))
    pools, stage = [materials.pools.labelled], tiny_recipe.pretrain
    plain = Windows("phase", pools, always, stage)[0]
    dropped = Windows("phase", pools, always, stage, drop=True)[0]
    assert torch.equal(plain.kept, plain.present)
    both = dropped.present[:, 0] & dropped.present[:, 2]
    assert both.any()
    assert not dropped.kept[both, 0].any()
    assert dropped.kept[both, 2].all()
