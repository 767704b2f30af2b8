"""Recipes: the two that are there load, wrong ones are one sentence."""

import pytest

from stream.errors import UsageError
from training import config
from training.config import parse_as, to_toml
from training.gestures.recipe import MADE_UP, RECIPES, GestureRecipe, load
from training.gestures.simulator.catalogue import ORDER


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda p: p.stem)
def test_recipes_load_and_come_back(path):
    found = load(path.stem)
    assert found.name == path.stem
    assert parse_as(to_toml(found), GestureRecipe) == found
    assert load(path) == found


def test_the_full_recipe_has_the_true_sizes():
    full = load("gestures-full")
    assert full.points == "68"
    assert (full.joints.frames, full.joints.size, full.joints.base, full.joints.blocks) == (
        48,
        56,
        32,
        (4, 6, 3),
    )
    assert (full.coordinates.ticks, full.coordinates.widths) == (64, (64, 64, 128, 128, 256))
    assert (full.swin3d.network, full.swin3d.frames, full.swin3d.size) == ("swin3d_s", 32, 224)
    assert (full.r2plus1d.network, full.r2plus1d.frames, full.r2plus1d.size) == ("r2plus1d_18", 16, 112)
    assert {full.swin3d.view, full.r2plus1d.view} == {"saliency", "portrait"}
    assert len(ORDER) == MADE_UP


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('name = "x"\nbranches = []', "branches must name one at least"),
        ('name = "x"\nbranches = ["joints", "joints"]', "each once"),
        ('name = "x"\n[joints]\nmerged = true', 'joints.merged needs points = "36"'),
        ('name = "x"\n[joints]\nblocks = [1, 1, 1, 1]', "joints.blocks must name one to three stages"),
        ('name = "x"\n[coordinates]\nwidths = [8]', "must be of one length"),
        ('name = "x"\n[swin3d]\nstored = 100', "swin3d.stored must be swin3d.size at least"),
        ('name = "x"\n[objective]\nembedding = "vectors"', "needs a file of them in objective.vectors"),
        ('name = "x"\n[people]\ntrain = 0.8', "must not add up to more than 1"),
        ('name = "x"\n[joints]\nsighs = 3', "expected one of frames, size, .* found 'sighs'"),
        ('name = "x"\n[people]\nclasses = 30', "Expected `int` <= 26"),
    ],
)
def test_recipes_that_do_not_fit_together(text, message):
    with pytest.raises(UsageError, match=message):
        parse_as(text, GestureRecipe)


def test_a_recipe_of_the_other_kind(tmp_path):
    with pytest.raises(UsageError, match="expected a gesture recipe \\(gestures-full, gestures-tiny\\)"):
        load("tiny")
    with pytest.raises(UsageError):
        parse_as((config.RECIPES / "tiny.toml").read_text(), GestureRecipe)
