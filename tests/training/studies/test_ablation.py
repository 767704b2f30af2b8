"""The paper's tables: which cells are run, what each may learn from, and what the table says of them."""

import csv

import msgspec
import pytest
from msgspec import structs

from stream.errors import UsageError
from training.evaluation.predictions import Prediction
from training.evaluation.tables import ALWAYS_WIN, SHARED, SIMULATED
from training.learning import runs
from training.learning.checkpoint import load
from training.studies import ablation
from training.studies.ablation import JOINT, PRETRAINED, TABLES
from training.studies.cells import Ground

pytestmark = pytest.mark.slow

WEAK = "pre-trained, weak supervision"


def rows_of(path):
    with path.open(newline="") as stream:
        return {row["name"]: row for row in csv.DictReader(stream)}


@pytest.fixture
def trained(monkeypatch):
    """What every stage was given, in order."""
    seen = []
    for name in ("run_pretrain", "run_finetune"):
        real = getattr(runs, name)

        def spy(first, out, materials, name=name, real=real):
            seen.append((name, out, materials))
            return real(first, out, materials)

        monkeypatch.setattr(runs, name, spy)
    return seen


def test_the_training_table_in_both_settings(
    quick_recipe, store, tmp_path, trained, few_resamples, no_training
):
    ground, said = Ground(store), []
    settings = ("inductive", "transductive")
    table = ablation.ablate("training", quick_recipe, ground, [0], tmp_path, settings, said.append)
    names = [v.name for v in TABLES["training"]]
    assert [r.name for r in table.rows] == [*names, ALWAYS_WIN]
    assert len(said) == 8
    assert said[0].startswith(f"inductive, seed 0, {JOINT}: balanced accuracy 0.")
    # Stage 1 is trained once for both that share it.
    assert [name for name, _, _ in trained].count("run_pretrain") == 6
    assert [name for name, _, _ in trained].count("run_finetune") == 8

    test, hidden = set(store.ids("disjoint", "test")), set()
    for _, out, materials in trained:
        pools = materials.pools
        labelled, pseudo = ({p.name for p in pool} for pool in (pools.labelled, pools.pseudo))
        assert not labelled & test
        if "inductive" in out.parts:
            assert not pseudo & test
            hidden |= pseudo
            assert not labelled & pseudo
        else:
            assert pseudo == test
            assert hidden <= labelled

    rows = rows_of(tmp_path / "training.csv")
    for name in names:
        for column in ("accuracy", "transductive_accuracy", "balanced_accuracy", "auroc"):
            assert 0 <= float(rows[name][column]) <= 1
    assert float(rows[ALWAYS_WIN]["balanced_accuracy"]) == 0.5
    first, second = rows[WEAK]["note"].split("; transductive: ")  # each column has its own comparison
    assert first.startswith("inductive: ")
    assert all(f"points against {PRETRAINED}; McNemar" in note for note in (first, second))
    assert rows[JOINT]["note"] == ""
    text = (tmp_path / "training.md").read_text()
    assert SIMULATED in text
    assert "Accuracy, inductive | Accuracy, transductive" in text
    assert (tmp_path / "training.png").read_bytes().startswith(b"\x89PNG")

    no_training()
    assert ablation.ablate("training", quick_recipe, ground, [0], tmp_path, settings) == table
    alone = ablation.ablate("training", quick_recipe, ground, [0], tmp_path, ("transductive",))
    assert [r.transductive for r in alone.rows] == [r.transductive for r in table.rows]
    assert rows_of(tmp_path / "training.csv")[WEAK]["accuracy"] == ""

    seed = tmp_path / "training" / "inductive" / "seed-0"
    weights = {f.name: load(f / runs.FINETUNED).model.state_dict() for f in seed.iterdir()}
    key = "fusion.head.weight"
    distinct = {tuple(w[key].flatten().tolist()) for w in weights.values()}
    assert len(distinct) == 4  # every line is another network
    starts = [load(f / runs.PRETRAINED).recipe for f in seed.iterdir() if (f / runs.PRETRAINED).exists()]
    assert sorted(recipe.pretrain.steps for recipe in starts) == [0, 2, 2]


def made_up(store, recipe, right):
    """Predictions of the test people of which the first ``right`` are right."""
    entries = [store.entries[id] for id in store.ids("disjoint", "test")]
    return [
        Prediction(
            id=e.id,
            subject=e.subject,
            label=e.label,
            win=0.9 if (i < right) == (e.label == 1) else 0.1,
            logit=0.0,
            seconds=6.0,
        )
        for i, e in enumerate(entries)
    ]


def test_the_spatial_table_compares_like_with_like(quick_recipe, store, tmp_path, monkeypatch, few_resamples):
    asked = {}

    def cell(recipe, ground, setting, out, *, after=None, materials=None):
        asked[out.parts[-2], out.name] = recipe
        return made_up(store, recipe, 4 if recipe.model.offsets else 2)

    monkeypatch.setattr(ablation, "run_cell", cell)
    index = structs.replace(
        store.index,
        splits={"disjoint": structs.replace(store.index.splits["disjoint"], subject_disjoint=False)},
    )
    shared = type(store)(store.folder, index)
    table = ablation.ablate("spatial", quick_recipe, Ground(shared), [3, 5], tmp_path)
    assert {seed for seed, _ in asked} == {"seed-3", "seed-5"}
    assert {r.seed for r in asked.values()} == {3, 5}
    chosen = {name: recipe.model for (_, name), recipe in asked.items()}
    assert len({msgspec.json.encode(m) for m in chosen.values()}) == len(TABLES["spatial"])
    for kind in ("gcn", "gin", "gat", "mlp"):
        plain, offsets = chosen[kind], chosen[f"{kind}-offsets"]
        assert (plain.spatial, plain.offsets, offsets.offsets) == (kind, False, True)
        assert structs.replace(plain, offsets=True) == offsets
    assert all(r.weak.labels == "none" for r in asked.values())
    rows = {r.name: r for r in table.rows}
    assert rows["GCN, offsets"].note.startswith("8,984 parameters; +50.0 [")
    assert "points against GCN" in rows["GCN, offsets"].note
    assert SHARED in (tmp_path / "spatial.md").read_text()
    assert {r["subject_disjoint"] for r in rows_of(tmp_path / "spatial.csv").values()} == {"false"}


def test_a_comparison_that_is_undefined_says_why(quick_recipe, store, tmp_path, monkeypatch):
    def cell(recipe, *_, **__):
        return [structs.replace(p, subject="anna") for p in made_up(store, recipe, 2)]

    monkeypatch.setattr(ablation, "run_cell", cell)
    table = ablation.ablate("spatial", quick_recipe, Ground(store), [0], tmp_path)
    notes = {row.name: row.note for row in table.rows}
    gain = "+0.0 [undefined: one person alone] points against GCN; McNemar of the seeds' votes p = 1"
    assert notes["GCN, offsets"].endswith(f"parameters; {gain}")
    assert "nan" not in (tmp_path / "spatial.md").read_text()


def test_weak_supervision_of_real_people_needs_a_labeller(quick_recipe, store, tmp_path):
    """Without one its row would be the row above it under another name."""
    real = type(store)(store.folder, structs.replace(store.index, simulated=False))
    with pytest.raises(UsageError, match=r"^training: expected a labeller's confidences .* with --labels\.$"):
        ablation.ablate("training", quick_recipe, Ground(real), [0], tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_table_that_is_not_in_the_paper(quick_recipe, store, tmp_path):
    with pytest.raises(
        UsageError, match=r"^text: expected a table \(spatial, image, training\), found another;"
    ):
        ablation.ablate("text", quick_recipe, Ground(store), [0], tmp_path)
    assert not list(tmp_path.iterdir())
