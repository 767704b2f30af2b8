"""Simulated recordings: quick, repeatable, bounded, and silent about the class in everything static."""

import time

import numpy as np
import pytest

from stream.bundle.manifest import Window as WindowSpec
from stream.skeleton import BODY, COUNT, FACE, INDEX
from training.simulator.behaviour import STANDARD
from training.simulator.performance import NOISE, noise_std
from training.simulator.recordings import simulate, tracker_noise

pytestmark = pytest.mark.slow

SPEC = WindowSpec(poses=300, features=60)


def test_the_same_seed_gives_the_same_recording():
    a, b, c = simulate(STANDARD, 1, 8.0, 5), simulate(STANDARD, 1, 8.0, 5), simulate(STANDARD, 1, 8.0, 6)
    assert np.array_equal(a.points, b.points)
    assert a.text == b.text
    assert not np.array_equal(a.points, c.points)
    assert "no real-world meaning" in a.provenance


def test_shapes_and_agreement_of_masks():
    r = simulate(STANDARD, 0, 20.0, 3)
    assert r.points.shape == (500, COUNT, 2)
    assert r.points.dtype == np.float32
    assert r.feature_mask.shape == (100,)
    assert not r.points[~r.valid].any()
    assert not r.valid[~r.present].any()
    assert (r.boxes[:, 2:] - r.boxes[:, :2] > 100).all()
    inside = r.points[r.present][:, 25:95]
    shown = r.valid[r.present][:, 25:95]
    box = r.boxes[r.present][:, None]
    within = (inside > box[..., :2]).all(-1) & (inside < box[..., 2:]).all(-1)
    assert within[shown].mean() > 0.999


def test_a_recording_takes_milliseconds():
    simulate(STANDARD, 0, 40.0, 0)
    started = time.process_time()
    for seed in range(5):
        simulate(STANDARD, 1, 40.0, seed)
    assert (time.process_time() - started) / 5 < 0.1


def test_tracker_noise_is_as_measured():
    jitter = tracker_noise(6000, np.random.default_rng(0))
    assert np.sqrt((jitter**2).mean((0, 2))) == pytest.approx(noise_std(), rel=0.15)
    for points, n in ((FACE, NOISE.face), (BODY, NOISE.body)):
        lag = (jitter[1:, points] * jitter[:-1, points]).mean() / jitter[:, points].var()
        assert lag == pytest.approx(n.correlation, abs=0.05)
    brow, eye, jaw = (jitter[:, INDEX[f"face_{k}"], 1] for k in ("left_brow_2", "left_eye_1", "contour_8"))
    assert np.corrcoef(brow, eye)[0, 1] > np.corrcoef(brow, jaw)[0, 1] + 0.2  # neighbours err together


def _balanced_accuracy(x: np.ndarray, y: np.ndarray, fit: np.ndarray) -> float:
    """Ridge-penalised logistic model by Newton steps, scored on the rows that it was not fitted on."""
    x = (x - x[fit].mean(0)) / (x[fit].std(0) + 1e-6)
    x = np.concatenate([x, np.ones((len(x), 1))], 1)
    w = np.zeros(x.shape[1])
    for _ in range(8):
        p = 1 / (1 + np.exp(-x[fit] @ w))
        hessian = x[fit].T @ (x[fit] * (p * (1 - p))[:, None]) + 30 * np.eye(len(w))
        w -= np.linalg.solve(hessian, x[fit].T @ (p - y[fit]) + 30 * w)
    said = x[~fit] @ w > 0
    truth = y[~fit].astype(bool)
    return float((said[truth].mean() + (~said[~truth]).mean()) / 2)


def test_mean_poses_do_not_give_the_class_away():
    n = 500
    x, y = [], np.arange(n) % 2
    for seed in range(n):
        r = simulate(STANDARD, int(y[seed]), 40.0, 10_000 + seed)
        box, valid = r.boxes[::4, None], r.valid[::4, :95]
        relative = (r.points[::4, :95] - box[..., :2]) / (box[..., 2:] - box[..., :2])
        total = (relative * valid[..., None]).sum(0)
        x.append((total / np.maximum(valid.sum(0), 1)[:, None]).reshape(-1))
    x = np.array(x)
    fit = np.arange(n) < n // 2
    folds = [_balanced_accuracy(x, y, fit), _balanced_accuracy(x, y, ~fit)]
    assert np.mean(folds) <= 0.55
