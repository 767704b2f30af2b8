import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from stream.errors import UsageError
from training.evaluation.metrics import accuracy, calibration_error
from training.evaluation.prior import quantile_threshold, shift

priors = st.floats(0.01, 0.99)
confidences = st.lists(st.floats(1e-6, 1 - 1e-6), min_size=1).map(np.array)
TRAINED, TESTED, APART = 0.78, 0.54, 1.5  # iMiGUE's shares of wins; distance of the classes in deviations


def confidence(evidence, prior):
    return 1 / (1 + np.exp(-evidence) * (1 - prior) / prior)


@given(confidences, priors, priors)
def test_there_and_back(win, a, b):
    assert shift(shift(win, a, b), b, a) == pytest.approx(win, rel=1e-9)


@given(confidences, priors, priors, priors)
def test_two_steps_are_one(win, a, b, c):
    assert shift(shift(win, a, b), b, c) == pytest.approx(shift(win, a, c), rel=1e-9)


@given(priors, priors)
def test_who_knows_nothing_says_the_prior(a, b):
    assert shift(np.array([a, 0.0, 1.0]), a, b) == pytest.approx([b, 0.0, 1.0])


@pytest.mark.parametrize("prior", [0.0, 1.0, -0.2, 54.0, float("nan")])
def test_a_prior_that_is_none(prior):
    with pytest.raises(UsageError, match="share of wins between 0 and 1"):
        shift(np.array([0.5]), 0.5, prior)
    with pytest.raises(UsageError, match="share of wins between 0 and 1"):
        shift(np.array([0.5]), prior, 0.5)


def test_calibrated_under_the_right_prior_and_off_by_the_known_amount_under_the_wrong_one():
    """Two normal densities of evidence, whose log-likelihood ratio is known: N(±d²/2, d²)."""
    rng = np.random.default_rng(0)
    label = (rng.random(200_000) < TESTED).astype(float)
    evidence = APART**2 * (label - 0.5) + APART * rng.normal(size=len(label))
    stale = confidence(evidence, TRAINED)
    fresh = shift(stale, TRAINED, TESTED)
    assert fresh == pytest.approx(confidence(evidence, TESTED))
    assert calibration_error(fresh, label) < 0.006

    # The stale confidence is too high everywhere, so its bins' gaps add up to mean confidence − share.
    def density(z):
        wins = stats.norm.pdf(z, APART**2 / 2, APART)
        return TESTED * wins + (1 - TESTED) * stats.norm.pdf(z, -(APART**2) / 2, APART)

    mean, _ = integrate.quad(lambda z: confidence(z, TRAINED) * density(z), -15, 15)
    assert mean - TESTED > 0.1
    assert calibration_error(stale, label) == pytest.approx(mean - TESTED, abs=0.005)
    assert calibration_error(stale, label, equal_mass=True) == pytest.approx(mean - TESTED, abs=0.005)


def test_the_top_share_wins_whatever_the_confidences():
    win = np.array([0.91, 0.97, 0.93, 0.99])
    assert quantile_threshold(win, 0.5).tolist() == [0, 1, 0, 1]
    assert quantile_threshold(win, 0.0).tolist() == [0] * 4
    assert quantile_threshold(win, 1.0).tolist() == [1] * 4


def test_the_order_of_equal_confidences_is_no_evidence():
    label = np.array([1.0, 1, 0, 0])
    assert accuracy(quantile_threshold(np.full(4, 0.8), 0.5), label) == 0.5
    assert quantile_threshold(np.array([0.9, 0.8, 0.8, 0.1]), 0.5).tolist() == [1, 0.5, 0.5, 0]


@given(st.lists(st.floats(0, 1), min_size=1, unique=True).map(np.array), st.floats(0, 1))
def test_quantile_threshold_is_of_the_share(win, share):
    said = quantile_threshold(win, share)
    assert said.sum() == round(share * len(win))
    assert not (said == 1).any() or not (said == 0).any() or win[said == 1].min() > win[said == 0].max()


def test_a_share_that_is_none():
    with pytest.raises(UsageError, match=r"in 0\.\.1, found 54"):
        quantile_threshold(np.array([0.5]), 54)
