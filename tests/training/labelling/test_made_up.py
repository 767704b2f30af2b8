"""A made-up labeller sees most of what happened; of people without a known seed it says nothing."""

from dataclasses import replace

import numpy as np
import pytest
from msgspec import structs

from stream.errors import UsageError
from training.corpus.store import Store
from training.labelling import audit, labels
from training.labelling.made_up import ANSWERS, MOST, answer, label
from training.simulator.behaviour import DEMO
from training.simulator.labeller import Labeller
from training.simulator.recordings import simulate


def test_the_same_seed_gives_the_same_files(store, tmp_path):
    for name, seed in (("one", 0), ("again", 0), ("other", 1)):
        label(store, tmp_path / name, Labeller(0.8), seed=seed)
    for file in (ANSWERS, labels.LABELS, audit.AUDIT):
        one, again, other = ((tmp_path / name / file).read_bytes() for name in ("one", "again", "other"))
        assert one == again
        assert one != other


def test_its_answer_is_of_the_asked_confidence_and_within_the_video():
    for seed in range(8):
        said = answer(simulate(DEMO, seed % 2, 6.0, seed), 0.25, np.random.default_rng(seed))
        assert said.win == pytest.approx(0.25, abs=0.01)
        assert len(said.action_units) <= MOST
        assert all(0 <= unit.start_s <= 6.0 for unit in said.action_units)


def test_a_real_corpus_is_refused(store, tmp_path):
    real = Store(store.folder, structs.replace(store.index, simulated=False))
    with pytest.raises(UsageError, match="expected a simulated corpus, whose truth is known"):
        label(real, tmp_path / "said", Labeller(0.64))
    assert not (tmp_path / "said").exists()
    with pytest.raises(UsageError, match="expected a recording of the simulator, found 'a film'"):
        answer(replace(simulate(DEMO, 0, 2.0, 0), provenance="a film"), 0.5, np.random.default_rng(0))
