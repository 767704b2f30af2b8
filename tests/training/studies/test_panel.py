"""People judged by one run or several; what a run learns from true labels, and from shuffled ones."""

import shutil
from dataclasses import replace

import msgspec
import numpy as np
import pytest
import torch
from msgspec import structs

from stream.errors import UsageError
from training.config import (
    Bert,
    Calibrating,
    Compute,
    Data,
    Delivery,
    Dropping,
    Inference,
    Model,
    Recipe,
    Splitting,
    Stage,
    Temporal,
    Weak,
)
from training.corpus.index import INDEX
from training.corpus.readers.importing import bring
from training.corpus.store import Store
from training.data.materials import from_corpus
from training.evaluation.intervals import bootstrap
from training.evaluation.metrics import METRICS, balanced_accuracy
from training.evaluation.predictions import columns
from training.learning import runs
from training.learning.checkpoint import Checkpoint
from training.learning.predict import run_cuts, votes
from training.simulator import as_corpus
from training.simulator.behaviour import DEMO, bayes_ceiling
from training.studies.panel import Panel, ceiling, made_up_people, members, stored_people, whole, with_window

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def first(quick_run):
    return runs.resume(quick_run)


@pytest.fixture(scope="module")
def second(quick_recipe, store, tmp_path_factory):
    recipe = structs.replace(quick_recipe, seed=2)
    return runs.run(recipe, tmp_path_factory.mktemp("second"), from_corpus(recipe, store))


@pytest.fixture(scope="module")
def people(first, store):
    return list(stored_people(store, store.ids("disjoint", "test"), first))


def log_odds(said):
    win = np.array([p.win for p in said])
    return np.log(win / (1 - win))


def nobody(person):
    return replace(person, masks={name: torch.zeros_like(mask) for name, mask in person.masks.items()})


def test_two_judges_say_the_mean_of_their_log_odds(first, second, people):
    one, two = (Panel([member]).predict(people, whole) for member in (first, second))
    both = Panel([first, second]).predict(people, whole)
    assert [p.id for p in both] == [p.id for p in one]
    assert np.abs(log_odds(one) - log_odds(two)).max() > 1e-6
    np.testing.assert_allclose(log_odds(both), (log_odds(one) + log_odds(two)) / 2, atol=1e-9)
    assert all(len(p.votes) == 2 for p in both)


@pytest.mark.parametrize("prior", [None, 0.3, 0.78])
def test_of_nobody_only_the_prior_is_said(first, second, people, prior):
    empty = [nobody(people[0]), *people[1:]]
    for panel in (Panel([first], prior=prior), Panel([first, second], prior=prior)):
        said = panel.predict(empty, whole)
        assert said[0].win == pytest.approx(prior or first.recipe.delivery.prior)
        assert (said[0].logit, said[0].seconds) == (0.0, 0.0)
        seen = panel.predict(people, whole)
        assert [p.win for p in said[1:]] == pytest.approx([p.win for p in seen[1:]], abs=1e-6)
        assert seen[0].seconds > 0


def test_a_prior_moves_everybody_by_its_log_odds(first, people):
    even, many = (log_odds(Panel([first], prior=p).predict(people, whole)) for p in (0.5, 0.78))
    np.testing.assert_allclose(many - even, np.log(0.78 / 0.22), atol=1e-9)


def test_branches_that_a_run_did_not_learn_are_left_alone(first, store):
    """Test videos may bring a text that no training video had; nothing was calibrated for it."""
    taught = replace(first, recipe=structs.replace(first.recipe, data=Data()))
    ids = store.ids("disjoint", "test")
    told = list(stored_people(store, ids, taught))
    assert all(p.ids_mask.any() for p in told)
    plain = list(stored_people(store, ids, first))
    assert not any(p.ids_mask.any() for p in plain)
    assert [p.win for p in Panel([first]).predict(told, whole)] == [
        p.win for p in Panel([first]).predict(plain, whole)
    ]


@pytest.mark.parametrize("poses", [150, 200, 4000])
def test_a_longer_window_says_the_same_of_who_fits_into_both(first, people, poses):
    assert all(p.ticks <= first.recipe.window.poses < 4000 for p in people)
    longer = with_window(first, poses)
    assert longer.recipe.window.poses == poses
    before, after = (Panel([member]).predict(people, whole) for member in (first, longer))
    np.testing.assert_allclose([p.logit for p in before], [p.logit for p in after], atol=1e-5)
    shorter = Panel([with_window(first, 50)]).predict(people, whole)
    assert np.abs(np.subtract([p.logit for p in before], [p.logit for p in shorter])).max() > 1e-5


def test_judges_who_read_differently_do_not_judge_together(first):
    with pytest.raises(UsageError, match="expected runs that share tokenizer, window and feature width"):
        Panel([first, with_window(first, 50)])


def test_moments_use_only_the_past(first, people):
    said = Panel([first]).moments(people, (1.0, 4.0, 6.0, 9.0))
    assert sorted({p.seconds for p in said}) == [1.0, 4.0, 6.0]  # they last 6 s
    assert len(said) == 3 * len(people)
    last = {p.id: p.logit for p in said if p.seconds == 6.0}
    all_of_it = {p.id: p.logit for p in Panel([first]).predict(people, whole)}
    assert last == pytest.approx(all_of_it, abs=1e-5)
    cut = [replace(p, recording=replace(p.recording, present=p.recording.present[:100])) for p in people]
    assert {p.id: p.logit for p in Panel([first]).predict(cut, whole)} == pytest.approx(
        {p.id: p.logit for p in said if p.seconds == 4.0}, abs=1e-5
    )


def test_who_judges_by_samples_takes_them_from_all_so_far(first, people):
    sampled = structs.replace(first.recipe, inference=Inference(sampler="paper", votes=3))
    member = replace(first, recipe=structs.replace(sampled, delivery=Delivery(poses=50, features=10)))
    said = {p.id: p.logit for p in Panel([member]).moments(people, (4.0,))}
    cuts = {p.name: votes(p, member.recipe, 100) for p in people}
    assert all(cut.stop == 100 and cut.ticks.max() > 50 for found in cuts.values() for cut in found)
    for person in people:
        heard = run_cuts(member.model, cuts[person.name], member.recipe)
        assert said[person.name] == pytest.approx(np.mean([h.logit for h in heard]), abs=1e-5)


def test_the_ceiling_is_the_sign_of_the_evidence(first):
    people = list(made_up_people(first, 100, 6.0))
    assert len({p.recording.subject for p in people}) == 100
    for at in (2.0, 6.0):
        said = ceiling(people, (at,))
        evidence = np.array([p.recording.llr[round(25 * at) - 1] for p in people])
        sign = np.where(np.abs(evidence) < 1e-3, 0.0, np.sign(evidence))  # as many for win as for loss: a tie
        assert [np.sign(p.win - 0.5) for p in said] == sign.tolist()
        assert [p.logit for p in said] == pytest.approx(evidence.tolist(), abs=1e-3)
        truth = np.array([1.0 if p.recording.label else -1.0 for p in people])
        found = columns(said)
        right = np.mean((sign == truth) + 0.5 * (sign == 0))
        assert balanced_accuracy(found.win, found.label) == pytest.approx(right)
        expected = bayes_ceiling(DEMO, at, 100_000, np.random.default_rng(0))
        assert right == pytest.approx(expected, abs=3 * np.sqrt(expected * (1 - expected) / len(people)))
    assert ceiling(people, (6.1,)) == []


def test_a_run_after_stage_1_has_nothing_to_say_yet(quick_run, people):
    early = runs.load(quick_run / runs.PRETRAINED)
    with pytest.raises(UsageError, match=r"test: expected a calibrated run, found one after stage 1 only"):
        Panel([early]).predict(people, whole)
    assert members([quick_run])[0].about["stage"] == runs.FINETUNED


def test_videos_without_label_or_length_are_not_asked(first, store):
    entries = dict(store.entries)
    ids = store.ids("disjoint", "test")
    entries[ids[0]] = structs.replace(entries[ids[0]], label=None)
    entries[ids[1]] = structs.replace(entries[ids[1]], ticks=24)
    other = Store(store.folder, store.index)
    other.entries = entries
    assert [p.name for p in stored_people(other, ids, first)] == list(ids[2:])


SMALL = Temporal(dim=16, layers=0, feedforward=32, dropout=0.0)  # rows are pooled as they are: seconds
STEPS = Stage(
    steps=150, batch=12, rate=1e-2, warmup=10, decay=0.1, average=0.9, seconds=(6.0, 6.0), partial=0.0
)
LEARNING = Recipe(
    name="labels alone",
    compute=Compute(threads=1, save_every=1000),
    model=Model(
        out=16,
        hidden=64,
        whiten=True,  # so few steps do not get far without
        keypoints=SMALL,
        image=SMALL,
        text=Bert(dim=16, feedforward=32, layers=1),
    ),
    data=Data(profile="demo", branches=("keypoints",)),
    splitting=Splitting(validation=0.0, calibration=0.2, hidden=0.0),
    dropping=Dropping(gap=0.0, group=0.0),
    pretrain=STEPS,
    finetune=structs.replace(STEPS, steps=10, rate=2e-3),
    weak=Weak(labels="none"),
    inference=Inference(votes=1),
    calibrating=Calibrating(knots_s=(5.5,), windows=64, cap_from_s=1.0),
    delivery=Delivery(poses=150, features=30),
)


@pytest.fixture(scope="module")
def crowd(tmp_path_factory):
    """200 plainly different people of 6 s."""
    shares = {"train": 0.68, "validation": 0.02, "test": 0.3}
    source = as_corpus.source("crowd", profile="demo", recordings=200, seconds=6.0, shares=shares)
    return bring(source, tmp_path_factory.mktemp("corpora") / "crowd")


def learnt(store, out):
    """Balanced accuracy on people of the test part, from corpus to judgement."""
    materials = from_corpus(LEARNING, store)
    checkpoint: Checkpoint = runs.run(LEARNING, out, materials)
    said = Panel([checkpoint]).predict(materials.test, whole)
    assert len(said) == 60
    return bootstrap(said, {"": METRICS["balanced_accuracy"]}, resamples=500)[""]


def test_true_labels_teach(crowd, tmp_path):
    found = learnt(crowd, tmp_path)
    assert found.low > 0.7


def test_labels_shuffled_over_subjects_stay_at_chance(crowd, tmp_path):
    """The same code on the same videos; only who won is shuffled among the people trained on."""
    shutil.copytree(crowd.folder, tmp_path / "shuffled")
    train = crowd.ids("disjoint", "train")
    labels = np.random.default_rng(0).permutation([crowd.entries[id].label for id in train]).tolist()
    told = dict(zip(train, labels, strict=True))
    entries = tuple(structs.replace(e, label=told.get(e.id, e.label)) for e in crowd.index.entries)
    assert sum(a.label != b.label for a, b in zip(entries, crowd.index.entries, strict=True)) > len(train) / 3
    index = structs.replace(crowd.index, entries=entries)
    (tmp_path / "shuffled" / INDEX).write_bytes(msgspec.json.encode(index))
    found = learnt(Store.open(tmp_path / "shuffled"), tmp_path / "run")
    assert found.low <= 0.5 <= found.high
    assert found.high - found.low < 0.4
