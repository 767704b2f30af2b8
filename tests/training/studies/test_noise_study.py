"""How wrong pseudo-labels may be: the grid, its cells, and where the lines cross."""

import json
from dataclasses import replace

import pytest
from msgspec import structs

from stream.errors import UsageError
from training.config import Splitting
from training.corpus.store import Store
from training.learning import runs
from training.studies import noise_study
from training.studies.cells import Ground
from training.studies.noise_study import ACCURACIES, LABELS, RESULTS, Cell, break_even, study

pytestmark = pytest.mark.slow

FEW = (
    Cell(0.5),
    Cell(1.0),
    Cell(1.0, share=0.5),
    Cell(0.8, form="soft"),
    Cell(0.8, noise="instance"),
)


def test_the_grid_asks_what_the_paper_leaves_open():
    grid = list(noise_study.cells())
    assert len({cell.name for cell in grid}) == len(grid) == len(set(grid))
    assert {c.accuracy for c in grid if c == Cell(c.accuracy)} == set(ACCURACIES)
    assert min(ACCURACIES) == 0.5
    assert max(ACCURACIES) == 1.0
    assert {c.form for c in grid} == {"hard", "soft", "weighted", "confident"}
    assert {c.noise for c in grid} == {"even", "class", "instance"}
    assert {c.share for c in grid} == {0.25, 0.5, 1.0}


def test_a_study_from_corpus_to_pictures(
    quick_recipe, store, tmp_path, monkeypatch, few_resamples, no_training
):
    monkeypatch.setattr(noise_study, "cells", lambda: iter(FEW))
    starts, real = [], runs.run_pretrain
    monkeypatch.setattr(runs, "run_pretrain", lambda *a: starts.append(a[1]) or real(*a))
    said = []
    study(quick_recipe, Ground(store), [0], tmp_path, said.append)
    assert [path.name for path in starts] == ["without"]  # one stage 1 for all
    assert len(said) == len(FEW)
    first, *lines, last = [json.loads(line) for line in (tmp_path / RESULTS).read_text().splitlines()]
    assert first["seeds"] == 1
    assert set(first["without"]) == {"value", "low", "high"}
    assert list(last) == ["breaks_even_at"]
    assert [(c["accuracy"], c["share"], c["noise"], c["form"]) for c in lines] == [
        (c.accuracy, c.share, c.noise, c.form) for c in FEW
    ]
    hidden = lines[0]["joined"]
    assert hidden > 3
    assert [c["joined"] for c in lines] == [hidden, hidden, round(0.5 * hidden), hidden, hidden]
    assert [c["right"] for c in lines][1:3] == [1.0, 1.0]
    assert 0 < lines[0]["right"] < 1
    for c in lines:
        assert 0 <= c["balanced_accuracy"]["value"] <= 1
        assert c["gain"]["value"] == pytest.approx(
            c["balanced_accuracy"]["value"] - first["without"]["value"], abs=1e-4
        )
    for name in ("noise_form", "noise_kind", "noise_number"):
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")

    no_training()
    before = (tmp_path / RESULTS).read_text()
    (tmp_path / "seed-0" / FEW[0].name / LABELS).unlink()  # killed just before
    study(quick_recipe, Ground(store), [0], tmp_path)
    assert (tmp_path / RESULTS).read_text() == before


def test_cells_differ_in_their_labels_alone(quick_recipe, store, tmp_path, monkeypatch):
    """Under a better labeller whoever was right stays right."""
    asked = {}

    def cell(recipe, ground, setting, out, *, after=None, materials=None):
        asked[out.name] = recipe, materials.pools
        out.mkdir(parents=True)
        return []

    monkeypatch.setattr(noise_study, "run_cell", cell)
    materials = Ground(store).materials(quick_recipe, "inductive")
    for c in (Cell(0.6), Cell(0.8), Cell(0.8, share=0.5), Cell(0.8, form="confident")):
        noise_study._cell(c, quick_recipe, Ground(store), materials, tmp_path / "base", tmp_path / c.name)
    truth = {p.name: p.recording.label for p in materials.pools.pseudo}
    right = {
        name: {id for id, win in pools.confidences.items() if (win > 0.5) == truth[id]}
        for name, (_, pools) in asked.items()
    }
    assert right["even-hard-60-of-100"] <= right["even-hard-80-of-100"]
    half = asked["even-hard-80-of-50"][1].confidences
    assert half.items() < asked["even-hard-80-of-100"][1].confidences.items()
    confident = asked["even-confident-80-of-100"]
    assert confident[0].weak.labels == "confident"
    assert confident[1].confidences == asked["even-hard-80-of-100"][1].confidences
    assert all(pools.labelled is materials.pools.labelled for _, pools in asked.values())


def test_real_people_are_refused(quick_recipe, store, tmp_path):
    real = Store(store.folder, structs.replace(store.index, simulated=False))
    with pytest.raises(
        UsageError, match="expected a simulated corpus, whose truth is known, found a real one"
    ):
        study(quick_recipe, Ground(real), [0], tmp_path)
    assert not list(tmp_path.iterdir())


def test_nobody_is_hidden(quick_recipe, store, tmp_path, monkeypatch):
    monkeypatch.setattr(noise_study, "run_cell", lambda *_, **__: [])
    recipe = structs.replace(quick_recipe, splitting=Splitting(hidden=0.0))
    with pytest.raises(
        UsageError, match=r"expected subjects whose labels are hidden, found none; give split"
    ):
        study(recipe, Ground(store), [0], tmp_path)


def line(accuracy, gain, **changes):
    cell = Cell(accuracy, **changes)
    values = {name: getattr(cell, name) for name in ("accuracy", "share", "noise", "form")}
    return values | {"gain": {"value": gain}}


@pytest.mark.parametrize(
    ("gains", "expected"),
    [
        ({0.5: -0.02, 0.6: -0.01, 0.7: 0.03, 1.0: 0.05}, 0.625),
        ({0.5: -0.02, 0.6: 0.01, 0.7: -0.01, 0.8: 0.01, 1.0: 0.05}, 0.75),  # the last crossing counts
        ({0.5: 0.01, 0.6: 0.02, 1.0: 0.05}, 0.5),
        ({0.5: -0.03, 0.8: -0.01, 1.0: 0.0}, None),
        ({0.5: -0.03, 0.8: 0.0, 1.0: 0.1}, 0.8),
        ({}, None),
    ],
)
def test_where_weak_supervision_begins_to_help(gains, expected):
    lines = [line(a, g) for a, g in reversed(gains.items())]
    others = [line(0.55, 9.0, share=0.5), line(0.55, 9.0, form="soft"), line(0.55, 9.0, noise="class")]
    found = break_even([{"without": {}}, *others, *lines])
    assert found == (None if expected is None else pytest.approx(expected))


def test_pictures_come_from_the_results_file(tmp_path, monkeypatch):
    drawn = {}
    monkeypatch.setattr(
        noise_study.plots,
        "accuracy_vs_noise",
        lambda path, groups, *_, **__: drawn.update({path.name: groups}),
    )
    gain = {"low": -0.1, "high": 0.1}
    cells = [line(0.6, 0.01), line(1.0, 0.03), line(0.6, -0.02, share=0.25), line(0.8, 0.02, form="soft")]
    lines = [{"without": {}, "seeds": 1}, *({**c, "gain": c["gain"] | gain} for c in cells)]
    lines.append({"breaks_even_at": None})
    (tmp_path / RESULTS).write_text("".join(json.dumps(one) + "\n" for one in lines))
    noise_study.draw(tmp_path)
    assert list(drawn) == ["noise_form.png", "noise_kind.png", "noise_number.png"]
    assert list(drawn["noise_number.png"]) == ["25% join", "100% join"]
    assert [(p.at, p.figure.value) for p in drawn["noise_form.png"]["hard"]] == [(0.6, 0.01), (1.0, 0.03)]


def test_a_cell_has_a_name_that_says_it():
    assert replace(Cell(0.644), noise="class", form="soft").name == "class-soft-64-of-100"
