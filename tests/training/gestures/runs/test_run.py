"""A whole run: both rounds of every branch, once."""

import msgspec
import numpy as np
import pytest

from stream.errors import UsageError
from training.gestures.runs import branches
from training.gestures.runs.run import about_of, recipe_of, run, said_by

pytestmark = pytest.mark.slow


def test_a_run_has_both_rounds_of_every_branch(run_recipe, ground, finished_run):
    out, lines = finished_run
    about = about_of(out)
    assert len(about.rounds) == 2
    assert about.simulated
    said = said_by(out, about)
    assert len(said) == 12
    assert len(lines) == 12
    for one in said.values():
        assert one.ids == tuple(ground.clips[i].id for i in ground.parts.test)
        np.testing.assert_allclose(one.chances.sum(1), 1)
    assert recipe_of(out) == run_recipe
    assert {q.branch for q in about.pool} == set(run_recipe.branches)


def test_a_finished_run_is_not_run_again(run_recipe, ground, finished_run, monkeypatch):
    out, _ = finished_run
    monkeypatch.setattr(branches, "train", lambda *_: pytest.fail("trained again"))
    before = about_of(out)
    assert run(run_recipe, ground, out) == before
    with pytest.raises(UsageError, match="expected the recipe, corpus and setting that this run began with"):
        run(run_recipe, ground, out, "transductive")
    other = msgspec.structs.replace(run_recipe, seed=1)
    with pytest.raises(UsageError, match="choose another --out"):
        run(other, ground, out)
