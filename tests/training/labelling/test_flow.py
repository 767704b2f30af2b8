"""The whole way on made-up people: labels of a known accuracy, a correction, stage 2, a table."""

import csv
import json
import re
import shutil

import msgspec
import numpy as np
import pytest
import torch
from msgspec import structs
from typer.testing import CliRunner

from stream.describing.labellers.answer import Answer, parse
from stream.errors import UsageError
from training.__main__ import app
from training.config import to_toml
from training.corpus.index import INDEX
from training.corpus.readers.importing import bring
from training.corpus.store import Store
from training.data.materials import from_corpus
from training.data.pseudo_labels import apply
from training.labelling import made_up
from training.labelling.audit import AUDIT
from training.labelling.labels import LABELS, read
from training.learning.log import read as read_log
from training.learning.runs import FINETUNED, LOG
from training.simulator import as_corpus as people
from training.simulator.labeller import Labeller

pytestmark = pytest.mark.slow

COUNT, ACCURACY = 160, 0.64


def run(*arguments):
    done = CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A corpus and what a labeller of 64 % said of it."""
    folder = tmp_path_factory.mktemp("flow")
    bring(people.source("made", profile="demo", recordings=COUNT, seconds=2.0), folder / "corpus")
    run("label-made-up", folder / "corpus", "--accuracy", ACCURACY, "--out", folder / "said", "--seed", 3)
    return folder


@pytest.fixture(scope="module")
def recipe(quick_recipe):
    """Keypoints and the labeller's texts."""
    return structs.replace(
        quick_recipe, data=structs.replace(quick_recipe.data, branches=("keypoints", "text"), seconds=2.0)
    )


def test_it_is_right_as_often_as_configured(folder):
    run("labels", folder / "said", "--truth", folder / "corpus")
    found = json.loads((folder / "said" / "agreement.json").read_text())
    assert found["simulated"]
    assert found["counts"]["compared"] == COUNT
    accuracy = found["figures"]["labeller"]["accuracy"]["value"]
    assert abs(accuracy - ACCURACY) < 3 * np.sqrt(ACCURACY * (1 - ACCURACY) / COUNT)
    assert accuracy < 0.8  # or it could as well be told the truth


def test_its_files_are_a_real_ones(folder):
    store, said = Store.open(folder / "corpus"), read(folder / "said")
    assert said.wins.keys() == said.texts.keys() == store.entries.keys()
    lines = [json.loads(line) for line in (folder / "said" / made_up.ANSWERS).read_text().splitlines()]
    answers = {line["id"]: parse(line["raw"], Answer) for line in lines}
    assert {id: a.win for id, a in answers.items()} == pytest.approx(said.wins)
    units = [u for a in answers.values() for u in a.action_units]
    assert len(units) > COUNT / 2
    assert all(0 <= u.start_s <= 2 for u in units)


def test_what_it_sees_are_true_events(folder):
    """More evidence for a win among winners, whatever its verdict says."""
    store = Store.open(folder / "corpus")
    rng = np.random.default_rng(0)
    leaning = {0: [], 1: []}
    for id, entry in store.entries.items():
        said = made_up.answer(store.recording(id), 0.5, rng)
        leaning[entry.label].append(len(said.evidence_win) - len(said.evidence_loss))
    assert np.mean(leaning[1]) - np.mean(leaning[0]) > 0.3


@pytest.mark.parametrize(("form", "alike"), [("guarded", True), ("paper", False)])
def test_a_labeller_of_another_mind_leaves_the_same_guarded_text(folder, tmp_path, form, alike):
    """What it saw is the same, its verdict is not: that is all that a text may not tell."""
    for accuracy in (0.5, 1.0):
        options = ["--accuracy", accuracy, "--text", form, "--out", tmp_path / str(accuracy)]
        run("label-made-up", folder / "corpus", *options)
    one, other = read(tmp_path / "0.5"), read(tmp_path / "1.0")
    assert sum((one.wins[id] > 0.5) != (win > 0.5) for id, win in other.wins.items()) > COUNT / 4
    assert (one.texts == other.texts) is alike


def correct(source, target, id, word):
    shutil.copytree(source, target)
    path = target / AUDIT
    with path.open(newline="", encoding="utf-8-sig") as stream:
        rows = list(csv.DictReader(stream))
    with path.open("w", newline="", encoding="utf-8-sig") as stream:
        sheet = csv.DictWriter(stream, rows[0], delimiter=";")  # as some spreadsheets save it
        sheet.writeheader()
        sheet.writerows(row | ({"corrected": word} if row["id"] == id else {}) for row in rows)
    return read(target)


@pytest.mark.parametrize("setting", ["inductive", "transductive"])
def test_a_correction_changes_what_stage_2_is_told(folder, recipe, setting, tmp_path):
    store, said = Store.open(folder / "corpus"), read(folder / "said")
    before = from_corpus(recipe, store, setting, said).pools
    asked = {p.name for p in before.pseudo}
    assert asked
    told = {p.name: p.pseudo_label for p in apply(before.pseudo, before.confidences, recipe.weak)}
    assert told == {id: float(said.wins[id] > 0.5) for id in asked}
    id = min(asked)
    word = "loss" if told[id] else "win"
    pools = from_corpus(recipe, store, setting, correct(folder / "said", tmp_path / "a", id, word)).pools
    after = {p.name: p.pseudo_label for p in apply(pools.pseudo, pools.confidences, recipe.weak)}
    assert after == told | {id: 1 - told[id]}
    pools = from_corpus(recipe, store, setting, correct(folder / "said", tmp_path / "b", id, "drop")).pools
    assert {p.name for p in apply(pools.pseudo, pools.confidences, recipe.weak)} == asked - {id}


def turned(store, folder, chosen):
    """A copy of a corpus in which these videos have the other label."""
    shutil.copytree(store.folder, folder)
    entries = tuple(
        structs.replace(e, label=1 - e.label) if e.id in chosen else e for e in store.index.entries
    )
    (folder / INDEX).write_bytes(msgspec.json.encode(structs.replace(store.index, entries=entries)))


def weights(out):
    from safetensors.torch import load_file

    return load_file(out / FINETUNED / "weights.safetensors")


@pytest.mark.parametrize("setting", ["inductive", "transductive"])
def test_from_labels_to_a_table_without_a_look_at_test_labels(folder, recipe, setting, tmp_path):
    (tmp_path / "recipe.toml").write_text(to_toml(recipe))
    store, labels = Store.open(folder / "corpus"), folder / "said"
    test = store.ids("disjoint", "test")
    turned(store, tmp_path / "turned", test)
    options = ["--setting", setting, "--labels", labels]
    for name, corpus in (("true", store.folder), ("turned", tmp_path / "turned")):
        said = run("run", tmp_path / "recipe.toml", "--corpus", corpus, *options, "--out", tmp_path / name)
        pool = "hidden" if setting == "inductive" else "test"
        assert f"stage 2 under pseudo-labels, the {pool} people" in said
        assert f"test: {len(test)} videos of {len(test)} people" in said
    one, other = weights(tmp_path / "true"), weights(tmp_path / "turned")
    assert all(torch.equal(value, other[name]) for name, value in one.items())
    first = read_log(tmp_path / "true" / LOG)[0]
    assert first["told"] == first["pseudo"] > 0
    trained = len(store.ids("disjoint", "train"))
    assert re.fullmatch(
        rf"\d+ of {trained} texts are cut, \d+ pieces lost, the longest has \d+", first["texts"]
    )
    report = tmp_path / "report"
    run("evaluate", tmp_path / "true", "--corpus", store.folder, *options[2:], "--out", report, "--curve", "")
    rows = list(csv.DictReader((report / "table.csv").read_text().splitlines()))
    column = "accuracy" if setting == "inductive" else "transductive_accuracy"
    assert 0 <= float(rows[0][column]) <= 1
    assert rows[0]["n"] == str(len(test))
    with pytest.raises(UsageError, match="expected --labels with texts of the labeller it was trained on"):
        run("evaluate", tmp_path / "true", "--corpus", store.folder, "--out", report)


def test_not_of_real_people(folder, tmp_path):
    store = Store.open(folder / "corpus")
    real = Store(store.folder, structs.replace(store.index, simulated=False))
    with pytest.raises(
        UsageError, match="expected a simulated corpus, whose truth is known, found a real one"
    ):
        made_up.label(real, tmp_path, Labeller(0.64))
    assert not (tmp_path / LABELS).exists()


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        (("--accuracy", "0.3"), r"expected a labeller's accuracy in 0\.5\.\.1, found 0\.3; correct it"),
        (("--noise", "loud"), "expected --noise even or class or instance, found loud; choose one"),
        (("--text", "short"), "expected --text guarded or paper, found short; choose one"),
    ],
)
def test_wrong_options(folder, tmp_path, option, sentence):
    with pytest.raises(UsageError, match=sentence):
        run("label-made-up", folder / "corpus", "--out", tmp_path / "x", *option)
    assert not (tmp_path / "x").exists()
