import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.evaluation.metrics import calibration_error
from training.evaluation.reliability import diagram

samples = st.lists(st.tuples(st.floats(0, 1), st.sampled_from([0.0, 1.0])), min_size=1, max_size=50)


@given(samples, st.booleans(), st.integers(1, 12))
def test_the_calibration_error_is_over_these_bins(sample, equal_mass, bins):
    win, label = np.array(sample).T
    found = diagram(win, label, bins, equal_mass)
    assert sum(b.n for b in found) == len(win)
    error = sum(b.n * abs(b.confidence - b.wins.value) for b in found) / len(win)
    assert error == pytest.approx(calibration_error(win, label, bins, equal_mass), abs=1e-12)
    assert [b.confidence for b in found] == sorted(b.confidence for b in found)
    assert all(b.wins.low <= b.wins.value <= b.wins.high for b in found)


def test_bins_by_hand():
    found = diagram(np.array([0.02, 0.04, 0.55, 1.0]), np.array([0.0, 1, 1, 1]))
    assert [(b.n, b.confidence, b.wins.value) for b in found] == [(2, 0.03, 0.5), (1, 0.55, 1), (1, 1.0, 1)]


def test_bins_of_equal_mass_hold_equally_many():
    win = np.random.default_rng(0).beta(5, 1, 1000)
    assert [b.n for b in diagram(win, np.ones(1000), equal_mass=True)] == [100] * 10
