"""Runs of before are read: checkpoints, and the state that a killed run goes on from."""

import hashlib

import pytest
import torch
from msgspec import structs

from training.config import to_toml
from training.learning import checkpoint
from training.learning.progress import fingerprint
from training.model.text import train_tokenizer


@pytest.fixture
def tokenizer():
    return train_tokenizer(["a few words to learn pieces from"] * 3, 50)


def test_a_graph_encoder_of_before_reads_the_mean(tiny_recipe, tokenizer, tmp_path):
    mean = structs.replace(tiny_recipe.model, spatial="gcn", graph_readout="mean")
    recipe = structs.replace(tiny_recipe, model=mean)
    made = checkpoint.Checkpoint(
        recipe, checkpoint.build(recipe, tokenizer), tokenizer, {"stage": "finetuned", "branches": []}
    )
    folder = checkpoint.save(tmp_path / "run", made)
    written = (folder / checkpoint.RECIPE).read_text()
    assert 'graph_readout = "mean"' in written
    (folder / checkpoint.RECIPE).write_text(written.replace('graph_readout = "mean"\n', ""))
    again = checkpoint.load(folder)
    assert again.recipe == recipe
    weights = made.model.state_dict()
    assert all(torch.equal(value, weights[name]) for name, value in again.model.state_dict().items())


def test_a_key_that_recipes_did_not_have_before_changes_no_fingerprint(tiny_recipe):
    plain = structs.replace(
        tiny_recipe,
        compute=structs.replace(tiny_recipe.compute, threads=0, workers=0, save_every=0),
        calibrating=type(tiny_recipe.calibrating)(),
    )
    added = ("graph_readout =", "pool =", "band_s =")
    before = "".join(line for line in to_toml(plain).splitlines(keepends=True) if not line.startswith(added))
    assert fingerprint(tiny_recipe) == hashlib.sha256(before.encode()).hexdigest()
    other = structs.replace(tiny_recipe, model=structs.replace(tiny_recipe.model, graph_readout="mean"))
    assert fingerprint(other) != fingerprint(tiny_recipe)
