"""Simulated recordings: quick, repeatable, bounded, and silent about the class in everything static."""

import time

import numpy as np
import pytest

from stream.bundle.manifest import Window as WindowSpec
from stream.records import Portrait, Pose
from stream.skeleton import BODY, COUNT, FACE, HANDS, INDEX, MIRROR
from stream.window.window import Window
from training.corpus.recording import Recording, feature_slots, inputs
from training.simulator.actions import ACTIONS, COLUMN
from training.simulator.behaviour import BLINK_S, DEMO, STANDARD
from training.simulator.performance import FIELDS, NOISE, amplitudes, noise_std, perform
from training.simulator.person import TEMPLATE
from training.simulator.recordings import simulate, tracker_noise

pytestmark = pytest.mark.slow

SPEC = WindowSpec(poses=300, features=60)


def test_template_is_a_mirror_image_of_itself():
    assert TEMPLATE[list(MIRROR)] * (-1, 1) == pytest.approx(TEMPLATE, abs=1e-6)


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


def test_tracker_noise_is_as_measured():
    jitter = tracker_noise(6000, np.random.default_rng(0))
    assert np.sqrt((jitter**2).mean((0, 2))) == pytest.approx(noise_std(), rel=0.15)
    for points, n in ((FACE, NOISE.face), (BODY, NOISE.body)):
        lag = (jitter[1:, points] * jitter[:-1, points]).mean() / jitter[:, points].var()
        assert lag == pytest.approx(n.correlation, abs=0.05)
    brow, eye, jaw = (jitter[:, INDEX[f"face_{k}"], 1] for k in ("left_brow_2", "left_eye_1", "contour_8"))
    assert np.corrcoef(brow, eye)[0, 1] > np.corrcoef(brow, jaw)[0, 1] + 0.2  # neighbours err together


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


def test_evidence_is_a_difference_of_running_totals():
    r = simulate(DEMO, 0, 90.0, 7, parts=(("loss", 30.0), ("win", 60.0)))
    assert r.evidence(0, 750) < -5
    assert r.evidence(750, 2250) > 5
    assert r.evidence(0, 750) + r.evidence(750, 2250) == pytest.approx(r.evidence(0, 2250), abs=1e-3)


def _gappy(seed: int) -> Recording:
    r = simulate(STANDARD, seed % 2, 24.0, seed)
    present, segments = r.present.copy(), r.segments.copy()
    present[90:103] = False
    segments[200:] += 1
    valid = r.valid & present[:, None]
    points = np.where(valid[..., None], r.points, 0)
    return Recording(
        points, valid, r.boxes, present, segments, None, r.feature_mask, None, r.label, "x", r.llr, "test"
    )


@pytest.mark.parametrize("seed", [0, 1])
def test_inputs_equal_the_live_window(seed):
    r = _gappy(seed)
    window = Window(SPEC)
    checked = 0
    for tick in range(r.ticks):
        portrait = Portrait(tuple(map(float, r.boxes[tick])), 1.0) if r.present[tick] else None
        pose = Pose(r.points[tick], r.valid[tick]) if r.present[tick] else None
        window.push(tick, portrait, pose, int(r.segments[tick]))
        if tick in (40, 250, 430, r.ticks - 1):
            start = max(0, tick + 1 - SPEC.poses)
            groups, masks = inputs(r, SPEC, start, tick + 1)
            view = window.read(tick)
            n = tick + 1 - start
            for name in groups:
                assert np.array_equal(masks[name], view.masks[name][-n:])
                np.testing.assert_allclose(groups[name], view.groups[name][-n:], atol=1e-6)
                checked += 1
    assert checked == 12


def test_features_are_cut_by_slot():
    r = simulate(STANDARD, 0, 10.0, 0)
    features, mask = feature_slots(r, SPEC, 3, 12)
    assert features.shape == (3, 0)
    assert not mask.any()


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


def test_action_names_are_unique():
    assert len({a.name for a in ACTIONS}) == len(ACTIONS)
