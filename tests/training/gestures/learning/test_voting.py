"""Temperatures and votes: what is calibrated stays, one branch alone is itself, absent ones leave no hole."""

import numpy as np
import pytest

from stream.errors import UsageError
from training.gestures.learning import voting


def drawn(n=4000, sharp=1.0, seed=0):
    """Logits whose softmax is the true distribution of the labels, times ``sharp``."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 1.5, (n, 32)).astype(np.float32)
    p = voting.chances(logits)
    labels = (p.cumsum(1) > rng.random((n, 1))).argmax(1)
    return (logits * np.float32(sharp)), labels


@pytest.mark.parametrize("sharp", [0.5, 1.0, 3.0])
def test_the_temperature_undoes_what_made_logits_too_sharp(sharp):
    logits, labels = drawn(sharp=sharp)
    assert voting.fit_temperature(logits, labels) == pytest.approx(sharp, rel=0.07)
    assert voting.fit_temperature(logits[:0], labels[:0]) == 1.0


def test_chances_sum_to_one_whatever_the_logits():
    found = voting.chances(np.array([[1e4, -1e4, 0], [0, 0, 0]], np.float32), 0.1)
    np.testing.assert_allclose(found.sum(1), 1)
    np.testing.assert_allclose(found[1], 1 / 3)


def test_one_branch_alone_is_itself():
    p = voting.chances(drawn(10)[0])
    np.testing.assert_allclose(voting.vote({"joints": p}, {"joints": 0.3}), p)
    np.testing.assert_allclose(voting.vote({"joints": p}, {"joints": 0.3, "swin3d": 0.7}), p)
    with pytest.raises(UsageError, match="expected a branch with a weight to vote"):
        voting.vote({"joints": p}, {"swin3d": 1.0})


def test_a_vote_is_the_weighted_mean():
    a, b = voting.chances(drawn(10)[0]), voting.chances(drawn(10, seed=1)[0])
    found = voting.vote({"a": a, "b": b}, {"a": 0.25, "b": 0.75})
    np.testing.assert_allclose(found, 0.25 * a + 0.75 * b)
    np.testing.assert_allclose(found.sum(1), 1)


def test_fitted_weights_leave_out_who_knows_nothing():
    logits, labels = drawn()
    good = voting.chances(logits)
    guess = np.full_like(good, 1 / 32)
    found = voting.fit_weights({"good": good, "guess": guess}, labels)
    assert found == {"good": 1.0, "guess": 0.0}
    assert sum(voting.fit_weights({"a": good, "b": good, "c": guess}, labels).values()) == pytest.approx(1)
    assert voting.fit_weights({"a": good, "b": guess}, labels[:0]) == {"a": 0.5, "b": 0.5}
