"""Votes of every sampler over a whole recording, and what a network says of them."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from stream.bundle.manifest import Window
from training.config import Delivery, Inference, Recipe
from training.data.materials import from_corpus
from training.data.sampling import SPACING
from training.learning.predict import confidences, latest, run_cuts, votes
from training.learning.runs import resume

pytestmark = pytest.mark.slow


def recipe(sampler="window", count=4, poses=100, seed=0):
    return Recipe(
        name="votes",
        seed=seed,
        delivery=Delivery(poses=poses, features=poses // 5),
        inference=Inference(sampler=sampler, votes=count),
    )


def person(ticks, name="anybody"):
    return SimpleNamespace(ticks=ticks, name=name)


@given(ticks=st.integers(25, 3000), count=st.integers(1, 9), poses=st.sampled_from([25, 100, 999]))
def test_windows_are_spread_over_the_video_up_to_its_end(ticks, count, poses):
    cuts = votes(person(ticks), recipe(count=count, poses=poses))
    rows = min(ticks, poses)
    assert cuts[-1].stop == ticks
    assert all(cut.rows == rows and cut.ticks is None for cut in cuts)
    if ticks <= poses or count == 1:
        assert len(cuts) == 1
        return
    assert cuts[0].start == 0
    assert 1 < len(cuts) <= count
    steps = np.diff([cut.stop for cut in cuts])
    assert steps.min() > 0
    assert np.ptp(steps) <= 1
    if count * poses >= ticks + count:  # enough of them to leave no gap
        assert (steps <= poses).all()


@given(ticks=st.integers(25, 600), stop=st.integers(25, 600))
def test_only_what_has_been_watched_votes(ticks, stop):
    stop = min(stop, ticks)
    for sampler in ("window", "history", "paper"):
        cuts = votes(person(ticks), recipe(sampler), stop)
        assert cuts[-1].stop == stop
        for cut in cuts:
            if cut.ticks is not None:
                assert cut.ticks.max() < stop


def test_samples_of_the_paper_differ_and_come_again():
    settings = recipe("paper", count=3)
    first, again = votes(person(900), settings), votes(person(900), settings)
    assert len(first) == 3
    for a, b in zip(first, again, strict=True):
        assert np.array_equal(a.ticks, b.ticks)
        assert np.array_equal(a.slots, b.slots)
        assert len(a.ticks) == 100
        assert (np.diff(a.ticks) > 0).all()
        assert (np.diff(a.slots) * 5 >= SPACING).all()
    assert not np.array_equal(first[0].ticks, first[1].ticks)
    other = votes(person(900, "somebody"), settings)
    assert not np.array_equal(first[0].ticks, other[0].ticks)
    assert not np.array_equal(first[0].ticks, votes(person(900), recipe("paper", 3, seed=1))[0].ticks)


def test_history_is_one_even_sample():
    (cut,) = votes(person(901), recipe("history"))
    assert (cut.ticks[0], cut.ticks[-1]) == (0, 900)
    assert np.ptp(np.diff(cut.ticks)) <= 1


@pytest.mark.parametrize(("stop", "expected"), [(30, (0, 30)), (100, (0, 100)), (350, (250, 350))])
def test_the_latest_window_is_what_a_live_buffer_holds(stop, expected):
    cut = latest(person(400), Window(poses=100, features=20), stop)
    assert (cut.start, cut.stop) == expected


@pytest.fixture(scope="module")
def trained(quick_run, store, quick_recipe):
    checkpoint = resume(quick_run)
    return checkpoint.model, from_corpus(quick_recipe, store).test


@pytest.mark.parametrize("sampler", ["window", "history", "paper"])
def test_what_is_heard_does_not_depend_on_company(trained, quick_recipe, sampler):
    """Windows are padded to the longest of their batch; nobody's answer may change by that."""
    model, people = trained
    settings = structs.replace(
        quick_recipe,
        inference=Inference(sampler=sampler, votes=3),
        delivery=Delivery(poses=60, features=12),
    )
    cuts = [cut for p in people for cut in votes(p, settings)]
    short = [cut for p in people for cut in votes(p, settings, 31)]
    mixed = run_cuts(model, [*cuts, *short], settings)
    alone = [run_cuts(model, [cut], settings)[0] for cut in (*cuts, *short)]
    np.testing.assert_allclose([h.logit for h in mixed], [h.logit for h in alone], atol=1e-5)
    assert [h.valid_s for h in mixed] == [h.valid_s for h in alone]
    assert {h.present for h in mixed} == {("keypoints",)}
    assert np.ptp([h.logit for h in mixed]) > 1e-4
    again = run_cuts(model, [*cuts, *short], settings)
    assert [h.logit for h in again] == [h.logit for h in mixed]


def test_confidences_are_the_sigmoid_of_the_mean_logit(trained, quick_recipe):
    model, people = trained
    settings = structs.replace(quick_recipe, delivery=Delivery(poses=50, features=10))
    found = confidences(model, people, settings)
    assert list(found) == [p.name for p in people]
    for p in people:
        heard = run_cuts(model, votes(p, settings), settings)
        assert len(heard) == 2
        mean = torch.tensor([h.logit for h in heard]).double().mean()
        assert found[p.name] == pytest.approx(float(torch.sigmoid(mean)), abs=1e-6)
