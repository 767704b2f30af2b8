"""Bursts stand in the activations and stay within the tracker's noise."""

import numpy as np
import pytest

from stream.skeleton import COUNT, HANDS
from training.simulator.actions import COLUMN
from training.simulator.behaviour import BLINK_S, STANDARD
from training.simulator.performance import FIELDS, amplitudes, noise_std, perform, smooth, talking


@pytest.mark.parametrize("profile", [STANDARD], ids=lambda p: p.name)
def test_no_burst_exceeds_twice_the_tracker_noise(profile):
    moved = np.linalg.norm(FIELDS, axis=-1) * amplitudes(profile)[:, None]
    told = [COLUMN[r.action] for r in (*profile.rates, *profile.distractors)]
    shown = np.ones(COUNT, bool)
    shown[HANDS] = False
    ratio = (moved / noise_std())[told][:, shown]
    assert profile.amplitude <= 2.0
    assert ratio.max() <= 2.0 + 1e-4
    assert (ratio.max(1) > 1.9).all()


def test_bursts_stand_in_the_activations():
    rng = np.random.default_rng(1)
    performance = perform(STANDARD, (("win", 30.0),), rng)
    peaks = amplitudes(STANDARD)
    assert BLINK_S[0] > 2 / 25  # a blink lasts several ticks
    for e in performance.events:
        if e.action == "talk" or not 0.3 < e.peak < 29.7:
            continue
        column = performance.activations[:, COLUMN[e.action]]
        assert abs(column[round(e.peak * 25)]) > 0.3 * abs(e.strength) * peaks[COLUMN[e.action]]


def test_slow_motion_has_unit_variance():
    slow = smooth(20_000, 3, 10.0, np.random.default_rng(0))
    assert slow.shape == (20_000, 3)
    assert slow.std(0) == pytest.approx(1.0, abs=0.1)
    assert (np.abs(np.diff(slow, axis=0)).max(0) < 1).all()  # slow: no leap from tick to tick


def test_the_jaw_moves_for_the_share_of_time_that_was_asked():
    shares = [
        (talking(share, 5000, 25.0, np.random.default_rng(2)) > 0.05).mean() for share in (0.0, 0.3, 0.8)
    ]
    assert shares[0] == 0
    assert shares[0] < shares[1] < shares[2]
