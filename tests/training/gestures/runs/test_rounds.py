"""Rounds: a pool's labels change nothing, settings do not mix, the stop rule holds."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from stream.errors import UsageError
from training.gestures.recipe import PseudoLabels
from training.gestures.runs.rounds import Round, alone, first, fuse, fused, pool_of, second, setting_of

pytestmark = pytest.mark.slow
EASY = PseudoLabels(threshold=0.0, floor=0.0, stop=0.0)  # accepts whatever the others agree on


@pytest.fixture(scope="module")
def recipe(quick_gestures):
    three = ("coordinates", "joints", "r2plus1d")
    return msgspec.structs.replace(quick_gestures, branches=three, pseudo=EASY)


@pytest.fixture(scope="module")
def done(recipe, ground, tmp_path_factory):
    out = tmp_path_factory.mktemp("run")
    return first(recipe, ground, out), out


def poisoned(ground):
    labels = ground.labels.copy()
    for i in (*ground.parts.hidden, *ground.parts.test):
        labels[i] = (labels[i] + 7) % 32
    return replace(ground, labels=labels)


@pytest.mark.parametrize("setting", ["inductive", "transductive"])
def test_poisoned_labels_of_a_pool_change_nothing(recipe, ground, done, tmp_path, setting):
    start, _ = done
    honest = second(recipe, ground, start, setting, tmp_path / "honest")
    other = second(recipe, poisoned(ground), start, setting, tmp_path / "poisoned")
    assert honest.round is not None
    assert other.round is not None
    for name, trained in honest.round.trained.items():
        np.testing.assert_array_equal(trained.logits, other.round.trained[name].logits)
        assert trained.folder.name == other.round.trained[name].folder.name
    assert [q.accepted for q in honest.qualities] == [q.accepted for q in other.qualities]
    assert sum(q.accepted for q in honest.qualities) > 0
    assert [q.precision for q in honest.qualities] != [q.precision for q in other.qualities]
    a, b = fused(honest.round, ground), fused(other.round, poisoned(ground))
    np.testing.assert_array_equal(a.chances, b.chances)


def test_settings_never_mix(ground):
    inductive, transductive = (set(pool_of(ground, s).tolist()) for s in ("inductive", "transductive"))
    test = set(ground.parts.test)
    assert not inductive & test
    assert transductive == test
    assert not inductive & set(ground.parts.train)


def test_the_second_round_is_another_one_from_scratch(recipe, ground, done, tmp_path):
    start, out = done
    after = second(recipe, ground, start, "inductive", tmp_path)
    for name, trained in after.round.trained.items():
        assert trained.folder != start.trained[name].folder
        assert not np.array_equal(trained.logits, start.trained[name].logits)
    none = msgspec.structs.replace(recipe, pseudo=PseudoLabels(threshold=1.0, floor=1.0, stop=0.0))
    nothing = second(none, ground, start, "inductive", out)
    assert nothing.round is None
    assert "too few to know" in nothing.note


def test_the_stop_rule(recipe, ground, done, tmp_path):
    start, _ = done
    strict = msgspec.structs.replace(recipe, pseudo=msgspec.structs.replace(EASY, stop=1.0))
    found = second(strict, ground, start, "inductive", tmp_path)
    assert found.round is None
    assert "precision on validation subjects is" in found.note
    assert "below 1: left out" in found.note
    assert not list(tmp_path.iterdir())
    off = msgspec.structs.replace(recipe, pseudo=PseudoLabels(teachers="none"))
    assert second(off, ground, start, "inductive", tmp_path).round is None


def test_votes_are_fitted_on_validation_subjects_alone(recipe, ground, done):
    start, _ = done
    changed = {
        name: replace(t, logits=np.where(_validation(ground, t.logits), t.logits, 0.0).astype(np.float32))
        for name, t in start.trained.items()
    }
    fitted = msgspec.structs.replace(recipe.fusing, weights="fitted")
    other = fuse(changed, ground, fitted)
    assert other.temperatures == start.fusion.temperatures
    assert other.weights == fuse(start.trained, ground, fitted).weights
    assert sum(other.weights.values()) == pytest.approx(1)
    plain = fuse(changed, ground, msgspec.structs.replace(recipe.fusing, temperature=False, weights="equal"))
    assert set(plain.temperatures.values()) == {1.0}
    assert set(plain.weights.values()) == {1 / 3}


def _validation(ground, logits):
    found = np.zeros((len(logits), 1), np.bool_)
    found[list(ground.parts.validation)] = True
    return found


def test_one_branch_alone_is_its_own_vote(recipe, ground, done):
    start, _ = done
    one = {"joints": start.trained["joints"]}
    only = Round(one, fuse(one, ground, recipe.fusing))
    np.testing.assert_allclose(fused(only, ground).chances, alone(only, ground, "joints").chances)


def test_settings_are_words():
    assert setting_of("transductive") == "transductive"
    with pytest.raises(UsageError, match="--setting: expected inductive or transductive"):
        setting_of("both")
