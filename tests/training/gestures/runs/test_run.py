"""A whole run, its table, its submission, its delivery, and a study of it: seconds each."""

import json

import msgspec
import numpy as np
import onnxruntime
import pytest
from safetensors.numpy import load_file

from stream.errors import UsageError
from training.gestures.recipe import PseudoLabels
from training.gestures.runs import ablation, branches
from training.gestures.runs.deliver import Card, deliver
from training.gestures.runs.report import report, submit
from training.gestures.runs.run import about_of, recipe_of, run, said_by

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def recipe(quick_gestures):
    pseudo = PseudoLabels(threshold=0.0, floor=0.0, stop=0.0)
    return msgspec.structs.replace(quick_gestures, pseudo=pseudo)


@pytest.fixture(scope="module")
def finished(recipe, ground, tmp_path_factory):
    out = tmp_path_factory.mktemp("run") / "one"
    lines: list[str] = []
    run(recipe, ground, out, "inductive", lines.append)
    return out, lines


def test_a_run_has_both_rounds_of_every_branch(recipe, ground, finished):
    out, lines = finished
    about = about_of(out)
    assert len(about.rounds) == 2
    assert about.simulated
    said = said_by(out, about)
    assert len(said) == 12
    assert len(lines) == 12
    for one in said.values():
        assert one.ids == tuple(ground.clips[i].id for i in ground.parts.test)
        np.testing.assert_allclose(one.chances.sum(1), 1)
    assert recipe_of(out) == recipe
    assert {q.branch for q in about.pool} == set(recipe.branches)


def test_a_finished_run_is_not_run_again(recipe, ground, finished, monkeypatch):
    out, _ = finished
    monkeypatch.setattr(branches, "train", lambda *_: pytest.fail("trained again"))
    before = about_of(out)
    assert run(recipe, ground, out) == before
    with pytest.raises(UsageError, match="expected the recipe, corpus and setting that this run began with"):
        run(recipe, ground, out, "transductive")
    other = msgspec.structs.replace(recipe, seed=1)
    with pytest.raises(UsageError, match="choose another --out"):
        run(other, ground, out)


def test_the_table_of_a_run(finished, tmp_path):
    text = report(finished[0], tmp_path)
    assert "| always illustrative |" in text
    assert "| 1-fused |" in text
    assert "| 2-r2plus1d |" in text
    assert "points of macro-F1 against 1-joints" in text
    assert "made-up people" in text
    assert "Pseudo-labels of the pool" in text
    assert "Pseudo-labels of the validation subjects" in text
    assert (tmp_path / "table.csv").read_text().count("\n") == 14
    with pytest.raises(UsageError, match="expected a run of gesture branches, found none"):
        recipe_of(tmp_path)
    with pytest.raises(UsageError, match="expected a finished run"):
        about_of(tmp_path)


def test_a_submission_of_a_run(ground, finished, tmp_path):
    assert submit(finished[0], tmp_path / "s.csv", None) == len(ground.parts.test)
    lines = (tmp_path / "s.csv").read_text().splitlines()
    assert lines[0] == "Id,Target"
    assert all(0 <= int(line.split(",")[1]) <= 31 for line in lines[1:])


def test_a_delivery_says_what_was_trained(recipe, ground, finished, tmp_path):
    out = tmp_path / "delivered"
    lines: list[str] = []
    out.mkdir()
    (out / "gesture.json").write_text("{}")  # an earlier delivery is replaced
    (out / "gesture-old.onnx").write_bytes(b"")
    deliver(finished[0], ground, out, lines.append)
    assert not (out / "gesture-old.onnx").exists()
    card = msgspec.json.decode((out / "gesture.json").read_bytes(), type=Card)
    assert card.simulated
    assert "no real-world meaning" in card.notice
    assert len(card.classes) == 32
    assert len(card.points) == 36
    assert set(card.graphs) == set(recipe.branches)
    assert card.views == {"swin3d": "saliency", "r2plus1d": "portrait"}
    golden = load_file(out / "golden.safetensors")
    for name, graph in card.graphs.items():
        session = onnxruntime.InferenceSession(str(out / graph.file), providers=["CPUExecutionProvider"])
        for clip, expected in zip(golden[f"{name}.clip"], golden[f"{name}.logits"], strict=True):
            (found,) = session.run(None, {"clip": clip[None]})
            np.testing.assert_allclose(found[0], expected, atol=1e-3, rtol=1e-3)
    assert "gesture-joints.onnx: worst relative error" in " ".join(lines)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(UsageError, match="expected an empty folder or an earlier delivery"):
        deliver(finished[0], ground, tmp_path / "mine")
    assert not list(tmp_path.glob(".delivered*"))


def test_a_study_shares_branches_and_says_every_sign(recipe, ground, tmp_path, monkeypatch):
    calls, real = [], branches.train

    def counted(name, *rest):
        calls.append(name)
        return real(name, *rest)

    monkeypatch.setattr(branches, "train", counted)
    two = msgspec.structs.replace(recipe, branches=("coordinates", "joints"))
    table = ablation.ablate("fusion", two, lambda _: ground, (0, 1), tmp_path)
    assert calls == ["coordinates", "joints"] * 2  # once a seed, whatever the votes
    names = [row.name for row in table.rows]
    ways = ["equal weights", "fitted weights"]
    others = [*ways, *(f"{way}, − temperature" for way in ways)]
    assert names == [ablation.FULL, *others, "always illustrative"]
    assert table.rows[1].note.startswith("macro-F1 ")
    assert "2 seeds" in (tmp_path / "fusion.md").read_text()
    ablation.ablate("fusion", two, lambda _: ground, (0, 1), tmp_path)
    assert len(calls) == 4
    changed = msgspec.structs.replace(two, threads=2)
    with pytest.raises(UsageError, match="expected results of this recipe and corpus"):
        ablation.ablate("fusion", changed, lambda _: ground, (0,), tmp_path)


def test_pseudo_labels_in_both_settings(recipe, ground, tmp_path):
    two = msgspec.structs.replace(recipe, branches=("coordinates", "r2plus1d"))
    table = ablation.ablate("pseudo", two, lambda _: ground, (0,), tmp_path, ("inductive", "transductive"))
    assert all(row.transductive is not None for row in table.rows)
    assert "20% replaced" in table.rows[3].name
    pools = list(tmp_path.glob("pseudo/*/seed-0/*/pool.json"))
    assert len(pools) == 8
    assert json.loads(pools[0].read_text())[0]["pool"] > 0


def test_tables_by_name(recipe):
    for name in ablation.TABLES:
        rows = ablation.variants_of(name, recipe)
        assert len({ablation.slug(v.name) for v in rows}) == len(rows)
        for variant in rows:
            variant.change(recipe)
    with pytest.raises(UsageError, match=r"expected a table \(branches, losses, fusion, inputs, pseudo\)"):
        ablation.variants_of("all", recipe)
