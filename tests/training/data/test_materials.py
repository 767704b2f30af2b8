"""Pools from a corpus: who may learn from whom, what is left out, and what a bad file gets told."""

import shutil
import sys
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from msgspec import structs

from stream.errors import UsageError
from training.__main__ import main
from training.config import Splitting, to_toml
from training.corpus.index import INDEX, Split
from training.corpus.protocols import disjoint_split
from training.corpus.store import About, Store, Writer
from training.data import prepared
from training.data.materials import CACHE, from_corpus, setting_of
from training.data.pools import divide
from training.data.prepared import prepare
from training.labelling.labels import Labels
from training.learning import runs
from training.learning.log import read
from training.simulator.behaviour import DEMO
from training.simulator.recordings import simulate
from training.studies.panel import Panel, whole

pytestmark = pytest.mark.slow

ABOUT = About(name="odd", provenance="test", licence="none", simulated=True, extractors={})
PARTS = ("train", "validation", "calibration", "hidden")


def ids(pool):
    return {p.name for p in pool}


def subjects(pool):
    return {p.recording.subject for p in pool}


@pytest.fixture(scope="module")
def families(tmp_path_factory):
    """24 subjects of two videos each, a quarter of them after a loss, some of both."""
    writer = Writer(tmp_path_factory.mktemp("corpora") / "families", ABOUT)
    for i in range(48):
        label = int(i % 4 > 0)
        writer.add(f"v{i:02d}", replace(simulate(DEMO, label, 1.2, i), subject=f"s{i % 24:02d}"))
    parts = disjoint_split(writer.entries(), {"train": 0.75, "test": 0.25}, 1)
    return writer.finish({"disjoint": parts})


@pytest.mark.parametrize("seed", range(5))
def test_the_training_part_is_divided_by_subject(families, quick_recipe, seed):
    recipe = structs.replace(quick_recipe, seed=seed)
    entries = [families.entries[id] for id in families.ids("disjoint", "train")]
    parts = divide(entries, recipe)
    assert tuple(parts) == PARTS
    assert sorted(id for part in parts.values() for id in part) == sorted(e.id for e in entries)
    at = defaultdict(set)
    for part, found in parts.items():
        assert found
        for id in found:
            at[families.entries[id].subject].add(part)
    assert all(len(where) == 1 for where in at.values())
    assert divide(entries, recipe) == parts
    assert divide(entries, structs.replace(recipe, seed=seed + 10)) != parts


@pytest.mark.parametrize("setting", ["inductive", "transductive"])
def test_nobody_is_in_two_pools(families, quick_recipe, setting):
    found = from_corpus(quick_recipe, families, setting)
    pools, test = found.pools, set(families.ids("disjoint", "test"))
    train = [families.entries[id] for id in families.ids("disjoint", "train")]
    hidden = set(divide(train, quick_recipe)["hidden"])
    assert ids(found.test) == test
    assert not ids(pools.labelled) & test
    assert ids(pools.pseudo) == (hidden if setting == "inductive" else test)
    assert (ids(pools.labelled) & hidden) == (set() if setting == "inductive" else hidden)
    people = [subjects(p) for p in (pools.labelled, pools.validation, pools.held_out, pools.pseudo)]
    assert sum(map(len, people)) == len(set.union(*people))
    assert not subjects(found.test) & set.union(*people[:3])
    assert all(p.pseudo_label is None for p in pools.labelled)
    assert ids(pools.pseudo) == set(pools.confidences)
    assert found.simulated
    assert found.subject_disjoint


def test_a_share_of_nothing_is_a_pool_of_nobody(families, quick_recipe):
    split = Splitting(validation=0.0, calibration=0.25, hidden=0.0)
    pools = from_corpus(structs.replace(quick_recipe, splitting=split), families).pools
    assert not pools.validation
    assert not pools.pseudo
    assert len(pools.labelled) + len(pools.held_out) == len(families.ids("disjoint", "train"))


def turned(store, folder, chosen):
    """A copy of a corpus in which these videos have the other label."""
    shutil.copytree(store.folder, folder)
    entries = tuple(
        structs.replace(e, label=1 - e.label) if e.id in chosen else e for e in store.index.entries
    )
    (folder / INDEX).write_bytes(msgspec.json.encode(structs.replace(store.index, entries=entries)))
    return Store.open(folder)


def same(a, b):
    a, b = a.model.state_dict(), b.model.state_dict()
    return all(torch.equal(value, b[name]) for name, value in a.items())


def test_true_labels_of_the_test_videos_change_nothing(store, quick_recipe, tmp_path):
    """Not even where these videos are trained on, under what a labeller says of them."""
    rng = np.random.default_rng(0)
    test = store.ids("disjoint", "test")
    said = {id: float(rng.random()) for id in store.entries}
    other = turned(store, tmp_path / "turned", test)
    runs_of = {
        name: runs.run(
            quick_recipe, tmp_path / name, from_corpus(quick_recipe, at, "transductive", Labels(answers))
        )
        for name, at, answers in (
            ("true", store, said),
            ("other", other, said),
            ("answers", store, said | {id: 1 - said[id] for id in test}),
        )
    }
    assert same(runs_of["true"], runs_of["other"])
    assert not same(runs_of["true"], runs_of["answers"])  # or the pool would not have been learnt from


def test_true_labels_of_the_hidden_change_nothing(store, quick_recipe, tmp_path):
    found = from_corpus(quick_recipe, store)
    flipped = [
        replace(p, recording=replace(p.recording, label=1 - p.recording.label)) for p in found.pools.pseudo
    ]
    other = replace(found, pools=replace(found.pools, pseudo=flipped))
    first, second = (
        runs.run(quick_recipe, tmp_path / str(i), materials) for i, materials in enumerate((found, other))
    )
    assert same(first, second)


def test_a_labeller_may_speak_of_more_videos_than_are_asked(store, quick_recipe):
    pools = from_corpus(quick_recipe, store, labels=Labels(dict.fromkeys(store.entries, 0.7))).pools
    assert pools.confidences == dict.fromkeys(ids(pools.pseudo), 0.7)


def test_a_labeller_of_other_videos(store, quick_recipe):
    with pytest.raises(UsageError, match=r"found 1 of others \(nobody\); correct the ids or import"):
        from_corpus(quick_recipe, store, labels=Labels({"nobody": 0.7, "made-00001": 0.2}))


def test_one_class(store, quick_recipe, tmp_path):
    losses = [e.id for e in store.index.entries if e.label == 0]
    with pytest.raises(
        UsageError, match=r"^train: expected wins and losses among its subjects, found wins alone"
    ):
        from_corpus(quick_recipe, turned(store, tmp_path / "wins", losses))


@pytest.mark.parametrize(
    ("count", "sentence"),
    [
        (0, "expected at least 4 labelled subjects for train, validation, calibration, hidden, found 0"),
        (3, "expected at least 4 labelled subjects for train, validation, calibration, hidden, found 3"),
        (4, r"(train|calibration): expected wins and losses among its subjects"),
    ],
)
def test_hardly_anybody(store, quick_recipe, count, sentence):
    train = store.ids("disjoint", "train")[:count]
    with pytest.raises(UsageError, match=sentence) as error:
        from_corpus(quick_recipe, store, parts={"train": train, "test": ()})
    assert str(error.value).count(". ") == 0


def test_a_setting_that_nobody_knows():
    assert setting_of("transductive") == "transductive"
    with pytest.raises(UsageError, match="expected --setting inductive or transductive, found both"):
        setting_of("both")


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    """People of whom some are too short, unlabelled or not to be seen, or have points that are no numbers."""
    writer = Writer(tmp_path_factory.mktemp("corpora") / "odd", ABOUT)
    for i in range(16):
        writer.add(f"v{i:02d}", simulate(DEMO, i % 2, 3.0, i))
    writer.add("short", simulate(DEMO, 1, 24 / 25, 90))
    writer.add("second", simulate(DEMO, 1, 1.0, 94))
    writer.add("unknown", replace(simulate(DEMO, 1, 3.0, 91), label=-1))
    empty = simulate(DEMO, 0, 3.0, 92)
    zeros = {name: np.zeros_like(getattr(empty, name)) for name in ("points", "valid", "boxes", "present")}
    writer.add("nobody", replace(empty, **zeros, text=None))
    points = simulate(DEMO, 1, 3.0, 93).points.copy()
    points[10:30, 3:40] = np.nan
    points[50] = np.inf
    writer.add("nan", replace(simulate(DEMO, 1, 3.0, 93), points=points))
    odd = ("short", "second", "unknown", "nobody", "nan")
    parts = {
        "train": (*(f"v{i:02d}" for i in range(12)), *odd),
        "test": tuple(f"v{i:02d}" for i in range(12, 16)),
    }
    return writer.finish({"disjoint": Split(subject_disjoint=True, parts=parts)})


def test_what_cannot_be_learnt_from_is_named(odd, quick_recipe, tmp_path):
    found = from_corpus(quick_recipe, odd)
    assert found.skipped == ("short: too short", "unknown: no label")
    pools = found.pools
    everybody = [*pools.labelled, *pools.pseudo, *pools.validation, *pools.held_out]
    assert ids(everybody) == set(odd.ids("disjoint", "train")) - {"short", "unknown"}
    runs.run(quick_recipe, tmp_path, found)
    assert read(tmp_path / runs.LOG)[0]["skipped"] == ["short: too short", "unknown: no label"]


def test_nobody_and_not_a_number_train(odd, tiny_recipe, tmp_path):
    """Wherever chance puts these two, all figures stay finite."""
    recipe = structs.replace(tiny_recipe, moments=structs.replace(tiny_recipe.moments, steps=0))
    recipe = structs.replace(recipe, splitting=Splitting(validation=0.15, calibration=0.25, hidden=0.2))
    recipe = structs.replace(recipe, pretrain=structs.replace(recipe.pretrain, validate_every=4))
    recipe = structs.replace(recipe, calibrating=structs.replace(recipe.calibrating, knots_s=(1.0, 2.0)))
    valid = simulate(DEMO, 1, 3.0, 93).valid
    assert odd.entries["nan"].bad_points == valid[10:30, 3:40].sum() + valid[50].sum() > 100
    found = from_corpus(recipe, odd)
    pools = found.pools
    everybody = {p.name: p for p in (*pools.labelled, *pools.pseudo, *pools.validation, *pools.held_out)}
    strange = [everybody["nobody"], everybody["nan"]]
    assert not any(mask.any() for mask in strange[0].masks.values())

    def among(pool):
        return [*(p for p in pool if p.name not in ids(strange)), *strange]

    pools = replace(
        pools,
        labelled=among(pools.labelled),
        pseudo=among(pools.pseudo),
        confidences=pools.confidences | {"nobody": 0.9, "nan": 0.1},
        validation=among(pools.validation),
        held_out=among(pools.held_out),
    )
    trained = runs.run(recipe, tmp_path, replace(found, pools=pools))
    weights = trained.model.state_dict().values()
    assert all(torch.isfinite(v).all() for v in weights if v.is_floating_point())
    lines = read(tmp_path / runs.LOG)
    losses = [line[name] for line in lines for name in ("loss", "validation") if name in line]
    assert len(losses) > 20
    assert np.isfinite(losses).all()
    said = Panel([trained]).predict([*found.test, *strange], whole)  # a Prediction refuses what is not finite
    assert [p.id for p in said[-2:]] == ["nobody", "nan"]


def test_inputs_are_computed_once_and_mapped(store, quick_recipe, tmp_path, monkeypatch):
    folder = tmp_path / "copy"
    shutil.copytree(store.folder, folder, ignore=shutil.ignore_patterns(CACHE))
    copy = Store.open(folder)
    first = from_corpus(quick_recipe, copy)
    files = sorted(folder.glob(f"{CACHE}/*/*"))
    used = ids([*first.test, *(p for pool in PARTS for p in getattr(first.pools, POOL_OF[pool]))])
    assert len(files) == len(used) == 27
    written = [f.stat().st_mtime_ns for f in files]
    monkeypatch.setattr(prepared, "_computed", lambda *_: pytest.fail("computed again"))
    again = from_corpus(quick_recipe, copy)
    assert [f.stat().st_mtime_ns for f in files] == written
    monkeypatch.undo()
    sizes = (quick_recipe.model.text.length, quick_recipe.model.image_features)
    for stored in again.pools.labelled:
        plain = prepare(
            copy.recording(stored.name), quick_recipe.window, again.tokenizer, *sizes, branches=("keypoints",)
        )
        for name in plain.groups:
            assert torch.equal(plain.groups[name], stored.groups[name])
            assert torch.equal(plain.masks[name], stored.masks[name])
    if sys.platform == "linux":
        maps = Path("/proc/self/maps").read_text()
        assert all(str(f) in maps for f in files)


def test_several_processes_prepare_one_corpus_at_once(store, quick_recipe, tmp_path, monkeypatch):
    recording, path = store.recording("made-00000"), tmp_path / "inputs.safetensors"
    real = prepared.save_file

    def overtaken(tensors, part):
        """Between this process's writing and its renaming another one does all of the same."""
        real(tensors, part)
        with monkeypatch.context() as other:
            other.setattr(prepared, "save_file", real)
            prepared._mapped(recording, quick_recipe.window, path)

    monkeypatch.setattr(prepared, "save_file", overtaken)
    groups, _ = prepared._mapped(recording, quick_recipe.window, path)
    plain, _ = prepared._computed(recording, quick_recipe.window)
    assert all(torch.equal(groups[name], plain[name]) for name in plain)
    assert list(tmp_path.iterdir()) == [path]


def test_image_features_of_another_width_are_not_left_out_in_silence(store, quick_recipe):
    entries = tuple(structs.replace(e, features=768) for e in store.index.entries)
    wide = type(store)(store.folder, structs.replace(store.index, entries=entries))
    asked = structs.replace(quick_recipe, data=structs.replace(quick_recipe.data, branches=("image",)))
    with pytest.raises(UsageError, match=r"^expected image features of width 4, found 768; set model\.image"):
        from_corpus(asked, wide)
    assert from_corpus(quick_recipe, wide).pools.labelled  # keypoints alone


POOL_OF = {"train": "labelled", "validation": "validation", "calibration": "held_out", "hidden": "pseudo"}


def test_a_recording_made_again_is_computed_again(quick_recipe, tmp_path):
    def made(seed):
        writer = Writer(tmp_path / "corpus", ABOUT)
        for i in range(12):
            if not writer.has(f"v{i}"):
                writer.add(f"v{i}", simulate(DEMO, i % 2, 1.2, i if i else seed))
        parts = {"train": tuple(f"v{i}" for i in range(1, 12)), "test": ("v0",)}
        return writer.finish({"disjoint": Split(subject_disjoint=True, parts=parts)})

    before = from_corpus(quick_recipe, made(50)).test[0].groups["body"].clone()
    (tmp_path / "corpus" / "recordings" / "v0.safetensors").unlink()
    after = from_corpus(quick_recipe, made(51)).test[0].groups["body"]
    assert not torch.equal(before, after)


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        ("index", "found a half-written one of 32 recordings; run the same import again, it continues."),
        ("cut", "found 1 missing or cut (made-00003); run the same import again, it writes only these."),
        ("labels", "found 1 of others (nobody); correct the ids or import these videos."),
        ("line", "said.jsonl:1: expected JSON with id and win, found 'nobody,0.3'"),
        ("split", "expected the split fold-9 of the recipe, found disjoint; give one of these with --set"),
    ],
)
def test_errors_are_one_sentence_and_nothing_is_lost(
    corpus_folder, quick_recipe, tmp_path, monkeypatch, capsys, spoil, sentence
):
    folder, said, recipe = tmp_path / "corpus", tmp_path / "said.jsonl", quick_recipe
    shutil.copytree(corpus_folder, folder)
    said.write_text("" if spoil not in ("labels", "line") else '{"id": "nobody", "win": 0.3}\n')
    if spoil == "index":
        (folder / INDEX).unlink()
    elif spoil == "cut":
        path = folder / "recordings" / "made-00003.safetensors"
        path.write_bytes(path.read_bytes()[:-1000])
    elif spoil == "line":
        said.write_text("nobody,0.3\n")
    elif spoil == "split":
        recipe = structs.replace(recipe, splitting=Splitting(split="fold-9"))
    (tmp_path / "recipe.toml").write_text(to_toml(recipe))
    there = {f: f.read_bytes() for f in folder.rglob("*.safetensors")}
    out = tmp_path / "run"
    command = ["run", tmp_path / "recipe.toml", "--corpus", folder, "--labels", said, "--out", out]
    monkeypatch.setattr("sys.argv", ["undertone-training", *map(str, command)])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert sentence in lines[0]
    assert {f: f.read_bytes() for f in folder.rglob("*.safetensors")} == there
    assert not out.exists()
