"""Recordings as inputs of the graphs: the newest stretch, padded in front as it is live."""

import numpy as np
import pytest
from msgspec import structs

from training.data.prepared import prepare
from training.data.simulated import sample_texts, simulated
from training.delivery.cases import real_cases
from training.learning.checkpoint import Checkpoint, build
from training.model.text import train_tokenizer


@pytest.fixture(scope="module")
def checkpoint(tiny_recipe):
    """Untrained: nothing here depends on what was learnt."""
    tokenizer = train_tokenizer(sample_texts(tiny_recipe, 50), 200)
    return Checkpoint(
        tiny_recipe, build(tiny_recipe, tokenizer), tokenizer, {"branches": ["keypoints", "text"]}
    )


def person(checkpoint, seconds):
    recipe = checkpoint.recipe
    data = structs.replace(recipe.data, seconds=seconds)
    (recording,) = simulated(data, "demo", 1, 7)
    return prepare(recording, recipe.window, checkpoint.tokenizer, recipe.model.text.length, 4)


def test_a_short_recording_is_padded_in_front(checkpoint):
    short = person(checkpoint, 4.0)
    case = real_cases(checkpoint, [short])["keypoints"][0]
    assert set(case) == {"body", "face", "hands", "body_mask", "face_mask", "hands_mask"}
    assert case["face"].shape[:2] == (1, 150)
    assert not case["face_mask"][0, :50].any()
    assert not case["face"][0, :50].any()
    assert np.array_equal(case["face_mask"][0, 50:], short.masks["face"].numpy())
    assert np.array_equal(case["face"][0, 50:], short.groups["face"].float().numpy())


def test_of_a_long_recording_the_newest_stretch_counts(checkpoint):
    long = person(checkpoint, 8.0)
    cases = real_cases(checkpoint, [long, long])
    assert [len(cases[name]) for name in ("keypoints", "image", "text")] == [2, 2, 2]
    assert np.array_equal(cases["keypoints"][0]["face"][0], long.groups["face"][50:].float().numpy())
    assert cases["image"][0]["features"].shape == (1, 30, 4)
    assert cases["text"][0]["ids"].shape == (1, 24)
