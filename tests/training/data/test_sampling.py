import dataclasses

import numpy as np
import pytest
import torch

from stream.bundle.manifest import Window
from stream.skeleton import GROUPS
from training.config import Dropping, Stage, Target
from training.data.augment import augment
from training.data.prepared import prepare
from training.data.sampling import Cut, assemble, random_cuts, sparse, target_of
from training.model.text import train_tokenizer
from training.simulator.behaviour import DEMO
from training.simulator.recordings import simulate

WINDOW = Window(poses=500, features=100)


@pytest.fixture(scope="module")
def prepared():
    changes = simulate(DEMO, 0, 12.0, 2, parts=(("win", 6.0), ("loss", 6.0)))
    recordings = [simulate(DEMO, 1, 12.0, 1), dataclasses.replace(changes, mixed=True)]
    tokenizer = train_tokenizer([r.text for r in recordings], 100)
    return [prepare(r, WINDOW, tokenizer, 16, 8) for r in recordings]


def test_cuts_stay_inside_and_some_are_partly_filled(prepared):
    stage = Stage(seconds=(4.0, 4.0), partial=0.5)
    cuts = random_cuts(prepared, stage, WINDOW, 200, np.random.default_rng(0))
    assert all(0 <= c.start < c.stop <= c.source.ticks for c in cuts)
    lengths = np.array([c.stop - c.start for c in cuts])
    assert lengths.max() == 100
    assert 0.3 < (lengths < 100).mean() < 0.7


def test_windows_are_padded_in_front(prepared):
    short, long = Cut(prepared[0], 30, 130), Cut(prepared[1], 0, 250)
    batch = assemble([short, long], WINDOW, Target())
    for name in GROUPS:
        assert batch.groups[name].shape[:2] == (2, 250)
        assert not batch.masks[name][0, :150].any()
        assert torch.equal(batch.groups[name][0, 150:], prepared[0].groups[name][30:130].float())
    assert batch.present.tolist() == [[True, False, True], [True, False, False]]


def test_targets(prepared):
    pure, mixed = prepared
    label, evidence = Target(kind="label"), Target(kind="evidence", temper=1.0, limit=2.0)
    assert target_of(Cut(pure, 0, 250), label) == 1.0
    assert target_of(Cut(pure, 0, 250), evidence) == pytest.approx(1 / (1 + np.exp(-2.0)))
    # Where behaviour changes the label says little: the first half shows what the second takes back.
    assert target_of(Cut(mixed, 0, 140), label) > 0.6
    assert target_of(Cut(mixed, 160, 300), label) < 0.4


def test_the_same_seed_draws_the_same_batch(prepared):
    def draw():
        rng = np.random.default_rng(9)
        batch = assemble(random_cuts(prepared, Stage(), WINDOW, 4, rng), WINDOW, Target())
        return augment(batch, Dropping(), rng)

    a, b = draw(), draw()
    assert all(torch.equal(a.groups[name], b.groups[name]) for name in GROUPS)


def test_a_full_window_that_begins_between_slots_keeps_the_newest(prepared):
    window = Window(poses=100, features=20)
    source = dataclasses.replace(
        prepared[0],
        features=torch.arange(60.0)[:, None].expand(60, 8).half(),
        feature_mask=torch.ones(60, dtype=torch.bool),
    )
    batch = assemble([Cut(source, 3, 103)], window, Target())
    assert batch.features.shape == (1, 20, 8)
    assert batch.features[0, :, 0].tolist() == list(range(1, 21))


def test_a_paper_sample_is_sorted_without_repetition_and_keeps_the_spacing(prepared):
    source, rng = prepared[0], np.random.default_rng(1)
    cut = sparse(source, source.ticks, 100, Window(poses=200, features=20), "paper", rng)
    assert len(cut.ticks) == 100
    assert (np.diff(cut.ticks) > 0).all()
    assert cut.ticks.max() > 200  # from the whole video, not its newest window
    assert len(cut.slots) == 20
    assert (np.diff(cut.slots) * 5 >= 6).all()
    again = sparse(source, source.ticks, 100, Window(poses=200, features=20), "paper", rng)
    assert not np.array_equal(cut.ticks, again.ticks)


@pytest.mark.parametrize("sampler", ["paper", "history"])
def test_a_short_video_gives_all_it_has(prepared, sampler):
    source, rng = prepared[0], np.random.default_rng(1)
    cut = sparse(source, 60, 100, WINDOW, sampler, rng)
    assert cut.ticks.tolist() == list(range(60))


def test_history_spreads_evenly_over_everything_so_far(prepared):
    cut = sparse(prepared[0], 201, 41, WINDOW, "history", np.random.default_rng(0))
    assert cut.ticks.tolist() == list(range(0, 201, 5))


def test_sparse_rows_are_the_same_rows_with_their_true_age(prepared):
    source = prepared[0]
    rng = np.random.default_rng(1)
    cut = sparse(source, 250, 90, WINDOW, "paper", rng)
    batch = assemble([cut], WINDOW, Target())
    whole = assemble([Cut(source, 0, 250)], WINDOW, Target())
    for name in GROUPS:  # offsets were computed before the sample was drawn
        assert torch.equal(batch.groups[name][0], whole.groups[name][0][cut.ticks])
    assert batch.ages[0].tolist() == pytest.approx([(249 - t) / 25 for t in cut.ticks.tolist()])
    assert whole.ages is None


@pytest.mark.parametrize(("sampler", "balance"), [("paper", "none"), ("history", "sampler")])
def test_every_sampler_draws_batches(prepared, sampler, balance):
    stage = Stage(seconds=(4.0, 4.0), partial=0.5, sampler=sampler, balance=balance)
    cuts = random_cuts(prepared, stage, WINDOW, 12, np.random.default_rng(0))
    batch = assemble(cuts, WINDOW, Target())
    assert batch.ages.shape == batch.masks["face"].shape
    assert 0 < batch.target.mean() < 1


def test_what_was_prepared_lets_go_of_the_points(prepared):
    for name in ("points", "valid", "boxes", "segments"):
        left = getattr(prepared[0].recording, name)
        assert left.size == 0
        assert left.base is None  # a slice would keep the whole array
