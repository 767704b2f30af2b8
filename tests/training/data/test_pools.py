"""Who is hidden is drawn without a look at labels, and who has none may still be of use."""

from dataclasses import replace

import numpy as np
import pytest
from msgspec import structs

from stream.errors import UsageError
from training.config import Splitting
from training.corpus.index import Entry
from training.corpus.store import About, Split, Writer
from training.data.materials import from_corpus
from training.data.pools import divide, unlabelled
from training.data.purposes import purposes
from training.labelling.labels import Labels
from training.simulator.behaviour import DEMO
from training.simulator.recordings import simulate


def entry(id, subject, label, ticks=100):
    return Entry(
        id=id,
        file="",
        subject=subject,
        label=label,
        ticks=ticks,
        seconds=4.0,
        source_rate=25.0,
        text=False,
        features=0,
        bad_points=0,
        size=0,
        sha256="",
    )


def entries(count=60, per=2, seed=0):
    labels = np.random.default_rng(seed).integers(0, 2, count)
    return [entry(f"v{i:03d}", f"s{i // per:03d}", int(label)) for i, label in enumerate(labels)]


@pytest.mark.parametrize("seed", range(5))
def test_who_is_hidden_does_not_hang_on_any_label(quick_recipe, seed):
    recipe, people = structs.replace(quick_recipe, seed=seed), entries()
    hidden = divide(people, recipe)["hidden"]
    flipped = [structs.replace(e, label=1 - e.label) if i % 3 else e for i, e in enumerate(people)]
    assert divide(flipped, recipe)["hidden"] == hidden
    assert hidden != divide(people, structs.replace(recipe, seed=seed + 1))["hidden"]


def test_labels_of_the_hidden_move_nobody(quick_recipe):
    people = entries()
    parts = divide(people, quick_recipe)
    turned = [structs.replace(e, label=1 - e.label) if e.id in parts["hidden"] else e for e in people]
    assert divide(turned, quick_recipe) == parts


def test_shares_are_met_and_those_with_labels_are_alike(quick_recipe):
    split = Splitting(validation=0.15, calibration=0.25, hidden=0.25)
    people = entries(400)
    parts = divide(people, structs.replace(quick_recipe, splitting=split))
    assert {name: len(ids) / 400 for name, ids in parts.items()} == pytest.approx(
        {"train": 0.35, "validation": 0.15, "calibration": 0.25, "hidden": 0.25}, abs=0.01
    )
    label = {e.id: e.label for e in people}
    wins = [np.mean([label[id] for id in parts[name]]) for name in ("train", "validation", "calibration")]
    assert np.ptp(wins) < 0.03


def test_nobody_hidden(quick_recipe):
    split = Splitting(validation=0.15, calibration=0.25, hidden=0.0)
    assert divide(entries(), structs.replace(quick_recipe, splitting=split))["hidden"] == ()


def test_early_stopping_on_one_class_is_refused(quick_recipe):
    """It would choose the weights that say "win" most often."""
    split = Splitting(validation=0.1, calibration=0.4, hidden=0.0)
    recipe = structs.replace(quick_recipe, splitting=split)
    people = [entry(f"v{i:02d}", f"s{i:02d}", int(i > 1)) for i in range(20)]  # two losses alone
    sentence = (
        r"^validation: expected wins and losses among its subjects, found wins alone; use more videos, "
        r"another seed or other shares in \[splitting\], or validation = 0 there to train without "
        r"early stopping\.$"
    )
    with pytest.raises(UsageError, match=sentence):
        divide(people, recipe)
    without = structs.replace(recipe, splitting=structs.replace(split, validation=0.0))
    assert divide(people, without)["validation"] == ()


PEOPLE = {
    **{e.id: e for e in entries(8, 1)},
    "of train": entry("of train", "s000", None),
    "of validation": entry("of validation", "s001", None),
    "of calibration": entry("of calibration", "s002", None),
    "of test": entry("of test", "s004", None),
    "of nobody's part": entry("of nobody's part", "s007", None),
    "a stranger": entry("a stranger", "unknown-x", None),
    "untold": entry("untold", "s000", None),
    "too short": entry("too short", "s000", None, ticks=24),
    "in the test part": entry("in the test part", "s005", None),
}
PARTS = {
    "train": ("v000", "v001", "v002", "v003", "of train"),
    "test": ("v004", "v005", "in the test part"),
}
DIVIDED = {"train": ("v000",), "validation": ("v001",), "calibration": ("v002",), "hidden": ("v003",)}


@pytest.mark.parametrize(
    ("transductive", "expected"),
    [(False, {"of train"}), (True, {"of train", "of test", "in the test part", "a stranger"})],
)
def test_who_without_a_label_may_join(transductive, expected):
    told = PEOPLE.keys() - {"untold"}
    found = unlabelled(PEOPLE, PARTS, DIVIDED, told, transductive=transductive)
    assert {e.id for e in found} == expected


@pytest.fixture(scope="module")
def half(tmp_path_factory):
    """24 people with a label and 8 videos without: of four of them and of four strangers."""
    about = About(name="half", provenance="test", licence="none", simulated=False, extractors={})
    writer = Writer(tmp_path_factory.mktemp("corpora") / "half", about)
    for i in range(24):
        writer.add(f"v{i:02d}", replace(simulate(DEMO, i % 2, 2.0, i), subject=f"s{i:02d}", text=f"own {i}"))
    for i in range(8):
        subject = f"s{i:02d}" if i < 4 else f"stranger {i}"
        writer.add(f"w{i}", replace(simulate(DEMO, i % 2, 2.0, 50 + i), subject=subject, label=-1))
    ids = [f"v{i:02d}" for i in range(24)]
    parts = {"train": (*ids[:16], "w0", "w1"), "test": tuple(ids[16:])}
    return writer.finish({"disjoint": Split(subject_disjoint=True, parts=parts)})


@pytest.mark.parametrize("setting", ["inductive", "transductive"])
def test_videos_without_a_label_join_stage_2_and_no_table(half, quick_recipe, setting):
    said = Labels({id: 0.9 for id in half.entries})
    found = from_corpus(quick_recipe, half, setting, said)
    pools = found.pools
    extra = {p.name for p in pools.pseudo if p.recording.label == -1}
    measured = {p.recording.subject for p in (*pools.validation, *pools.held_out)}
    ours = {f"w{i}" for i in range(4) if f"s{i:02d}" not in measured}
    assert extra == (ours if setting == "inductive" else ours | {f"w{i}" for i in range(4, 8)})
    assert extra <= pools.confidences.keys()
    assert all(
        p.recording.label >= 0 for p in (*found.test, *pools.labelled, *pools.validation, *pools.held_out)
    )
    assert set(found.skipped) == {f"{id}: no label" for id in ("w0", "w1") if id not in extra}
    without = from_corpus(quick_recipe, half, setting)
    assert not {p.name for p in without.pools.pseudo} & {f"w{i}" for i in range(8)}
    assert without.pools.confidences == {}
    assert without.skipped == ("w0: no label", "w1: no label")


def test_nobody_is_hidden_where_no_labeller_speaks_of_them(half, quick_recipe):
    """Real people without ``--labels``: their labels serve, or a quarter of them would serve nothing."""
    known = from_corpus(quick_recipe, half)
    told = from_corpus(quick_recipe, half, labels=Labels(dict.fromkeys(half.entries, 0.9)))
    names = [{p.name for p in found.pools.labelled} for found in (known, told)]
    hidden = {p.name for p in told.pools.pseudo if p.recording.label >= 0}
    assert hidden
    assert names[0] == names[1] | hidden
    assert known.pools.pseudo == []
    assert known.people != told.people  # stage 2 under pseudo-labels may not follow this stage 1
    everybody = sum(len(getattr(known.pools, part)) for part in ("labelled", "validation", "held_out"))
    assert everybody == 16
    for found, line in (
        (known, "those of splitting.hidden too, as no labeller's confidences came with --labels"),
        (told, "stage 2 under pseudo-labels, the hidden people"),
    ):
        said = purposes(found)
        assert sum(line in one for one in said) == 1
        assert f"test: {len(found.test)} videos of {len(found.test)} people" in said
    unsaid = purposes(from_corpus(quick_recipe, half, "transductive"))
    assert "stage 2 under pseudo-labels, the test people (8 not used: no labeller's confidence)" in unsaid[1]


def test_a_labellers_texts_stand_in_place_of_the_corpus_own(half, quick_recipe):
    recipe = structs.replace(quick_recipe, data=structs.replace(quick_recipe.data, branches=("text",)))

    def texts(labels):
        found = from_corpus(recipe, half, "transductive", labels)
        everybody = [*found.test, *found.pools.labelled, *found.pools.validation, *found.pools.pseudo]
        return {p.name: p.recording.text for p in everybody}, {p.name: p.ids_mask.any() for p in everybody}

    own, _ = texts(None)
    assert own["v03"] == "own 3"
    told = {id: f"seen {id}" for id in half.entries if id != "v20"} | {"v20": None}
    said, read = texts(Labels({"w4": 0.3}, told))
    assert all(text == told[id] for id, text in said.items())
    assert not read["v20"]
    assert read["v21"]
    assert read["w4"]
    kept, _ = texts(Labels({"w4": 0.3}))  # confidences alone
    assert kept["v03"] == "own 3"
