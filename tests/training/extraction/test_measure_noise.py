"""Noise is what is left of the points when everything that follows the motion is taken away."""

import numpy as np
import pytest

from training.extraction.measure_noise import MODES, lag, residuals, summary

TICKS = 3000


def motion() -> np.ndarray:
    t = np.arange(TICKS) / 25
    return np.column_stack([np.sin(t), np.cos(0.7 * t), 0.3 * t % 2]).astype(np.float32)


def test_what_follows_the_motion_is_taken_away_and_the_noise_stays():
    moved, rng = motion(), np.random.default_rng(0)
    noise = 0.01 * rng.standard_normal((TICKS, 2, 2))
    follows = 3 + 2 * moved[:, :1] + moved[:, 1:2] ** 2 - moved[:, :1] * moved[:, 2:]
    left = residuals((follows[..., None] + noise).astype(np.float32), moved)
    assert left.shape == (TICKS, 2, 2)
    assert left.std() == pytest.approx(0.01, rel=0.03)
    assert np.corrcoef(left.reshape(-1), noise.reshape(-1))[0, 1] > 0.99


def test_lag_is_the_correlation_from_tick_to_tick():
    white = np.random.default_rng(1).standard_normal((TICKS, 4))
    slow = white.copy()
    for t in range(1, TICKS):
        slow[t] = 0.8 * slow[t - 1] + 0.6 * white[t]
    assert lag(white) == pytest.approx(0.0, abs=0.05)
    assert lag(slow) == pytest.approx(0.8, abs=0.05)


def test_the_summary_has_what_the_simulator_reads():
    rng = np.random.default_rng(2)
    people = [
        (0.01 * rng.standard_normal((400, 70, 2)), 0.02 * rng.standard_normal((400, 9, 2))) for _ in "ab"
    ]
    found = summary(people)
    assert found["face_std"] == pytest.approx(0.01, rel=0.05)
    assert found["body"]["std"] == pytest.approx(0.02, rel=0.05)
    assert np.shape(found["face"]["modes"]) == (MODES, 140)
