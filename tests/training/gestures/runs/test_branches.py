"""A trained branch on disk: named after all that it depends on, and trained once."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from training.gestures.learning.course import predict
from training.gestures.runs import branches
from training.gestures.runs.branches import asked, branch, key_of, labelled, restored


def test_the_name_says_what_a_branch_depends_on(quick_gestures, ground):
    taught = labelled(ground)
    own = key_of("joints", quick_gestures, ground, taught)
    other = msgspec.structs.replace(quick_gestures, threads=2, name="other")
    assert key_of("joints", other, ground, taught) == own
    assert key_of("joints", msgspec.structs.replace(quick_gestures, seed=1), ground, taught) != own
    fewer = replace(taught, labels=(taught.labels + 1) % 32)
    assert key_of("joints", quick_gestures, ground, fewer) != own
    assert key_of("limbs", quick_gestures, ground, taught) != own


def test_a_branch_that_is_there_is_not_trained_again(quick_gestures, ground, tmp_path, monkeypatch):
    taught = labelled(ground)
    first = branch("coordinates", quick_gestures, ground, taught, tmp_path)
    assert not first.logits[list(ground.parts.train)].any()
    assert first.logits[list(ground.parts.test)].any(1).all()
    net = restored("coordinates", quick_gestures, first.folder)
    places = asked(ground)
    again = predict(net, ground.reader("coordinates", quick_gestures), places)
    np.testing.assert_allclose(again, first.logits[places], atol=1e-5)
    monkeypatch.setattr(branches, "train", lambda *_: pytest.fail("trained again"))
    kept = branch("coordinates", quick_gestures, ground, taught, tmp_path)
    np.testing.assert_array_equal(kept.logits, first.logits)
