"""Every video is judged once, by a model that never met its person."""

import csv

import pytest
from msgspec import structs

from stream.errors import UsageError
from training.evaluation.tables import ALWAYS_WIN, SIMULATED
from training.labelling.labels import Labels
from training.learning import runs
from training.studies import cells
from training.studies.crossval import crossval

pytestmark = pytest.mark.slow

POOLS = ("labelled", "validation", "held_out", "pseudo")


@pytest.fixture
def met(monkeypatch):
    """By run: subjects that it learnt from (with or without labels), and those that it was asked about."""
    seen, real = {}, runs.run

    def run(recipe, out, materials):
        pools = {name: {p.recording.subject for p in getattr(materials.pools, name)} for name in POOLS}
        seen[out.name] = pools, {p.recording.subject for p in materials.test}
        return real(recipe, out, materials)

    monkeypatch.setattr(cells.runs, "run", run)
    return seen


def rows_of(path):
    with path.open(newline="") as stream:
        return {row["name"]: row for row in csv.DictReader(stream)}


def test_everybody_once_by_who_never_met_them(quick_recipe, store, met, tmp_path, few_resamples, no_training):
    found = crossval(quick_recipe, store, 2, tmp_path)
    assert sorted(p.id for p in found) == sorted(store.entries)
    assert {p.id: (p.label, p.subject) for p in found} == {
        e.id: (e.label, e.subject) for e in store.index.entries
    }
    assert set(met) == {"fold-0", "fold-1"}
    for pools, asked in met.values():
        assert asked
        assert not asked & set.union(*pools.values())
    rows = rows_of(tmp_path / "table.csv")
    assert list(rows) == [quick_recipe.name, ALWAYS_WIN]
    assert {row["n"] for row in rows.values()} == {"32"}
    assert SIMULATED in (tmp_path / "table.md").read_text()
    no_training()
    assert crossval(quick_recipe, store, 2, tmp_path) == found
    with pytest.raises(UsageError, match="fold-0: expected results of this recipe, found those of another"):
        crossval(
            structs.replace(quick_recipe, model=structs.replace(quick_recipe.model, out=8)),
            store,
            2,
            tmp_path,
        )


def test_only_the_training_part_and_only_the_transductive_column(
    quick_recipe, store, met, tmp_path, few_resamples
):
    said = Labels(dict.fromkeys(store.entries, 0.6))
    found = crossval(quick_recipe, store, 2, tmp_path, "transductive", said, pool="train")
    assert {p.id for p in found} == set(store.ids("disjoint", "train"))
    for pools, asked in met.values():
        assert pools["pseudo"] == asked
        assert not asked & (pools["labelled"] | pools["validation"] | pools["held_out"])
    row = rows_of(tmp_path / "table.csv")[quick_recipe.name]
    assert row["accuracy"] == ""
    assert 0 <= float(row["transductive_accuracy"]) <= 1


def test_more_folds_than_people(quick_recipe, store, tmp_path):
    with pytest.raises(UsageError, match="expected at least 99 labelled subjects"):
        crossval(quick_recipe, store, 99, tmp_path)
    assert not list(tmp_path.iterdir())
