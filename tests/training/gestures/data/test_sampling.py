"""Uniform sampling: segments, unit skips, wraps."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.gestures.data.sampling import middle, stretched, uniform

SIZES = st.integers(1, 300), st.integers(1, 64), st.integers(0, 2**31)


@given(*SIZES)
def test_ticks_of_the_clip_in_order(length, count, seed):
    found = uniform(length, count, np.random.default_rng(seed))
    assert found.shape == (count,)
    assert found.min() >= 0
    assert found.max() < length
    steps = np.diff(found)
    if length >= 2 * count:
        edges = np.arange(count + 1) * length // count
        assert (found >= edges[:-1]).all()
        assert (found < edges[1:]).all()
    elif length >= count:
        assert set(steps.tolist()) <= {1, 2}
    else:
        assert ((steps == 1) | (steps == 1 - length)).all()


def test_a_short_clip_wraps():
    found = uniform(10, 48, np.random.default_rng(0))
    assert set(found.tolist()) == set(range(10))


@given(st.integers(1, 300), st.integers(1, 64))
def test_the_middle_is_one_of_the_draws(length, count):
    found = middle(length, count)
    assert found.shape == (count,)
    assert 0 <= found.min() <= found.max() < length
    if length >= count:
        assert (np.diff(found) >= 1).all()


def test_stretched_ends_on_ticks():
    np.testing.assert_allclose(stretched(5, 5), np.arange(5))
    np.testing.assert_allclose(stretched(11, 3, share=0.5, start=1.0), [5, 7.5, 10])
    np.testing.assert_allclose(stretched(1, 4), np.zeros(4))


def test_an_empty_clip_is_no_clip():
    for sample in (lambda: uniform(0, 4, np.random.default_rng(0)), lambda: middle(0, 4)):
        with pytest.raises(ValueError, match="expected a clip"):
            sample()
