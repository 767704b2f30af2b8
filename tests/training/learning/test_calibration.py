import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from scipy.special import expit

from export.modules.branches import LIMIT
from stream.branches.calibration import calibrated
from stream.bundle.manifest import Calibration
from stream.errors import UsageError
from training.config import Calibrating
from training.data.materials import from_simulator
from training.evaluation.metrics import balanced_accuracy, calibration_error, log_loss
from training.learning import runs
from training.learning.calibration import (
    OneClass,
    cap_at,
    centre_and_scale,
    collect,
    fit,
    objective,
    subsets,
)
from training.learning.checkpoint import build

pytestmark = pytest.mark.slow


def drawn(slope: float, bias: float, n: int = 40_000, win_share: float = 0.5):
    """Logits whose true log-odds (on balanced classes) are slope·z + bias."""
    rng = np.random.default_rng(0)
    label = (rng.random(n) < win_share).astype(float)
    # Two normals a distance d apart have log-odds linear in z: slope d/σ², with σ = 1.
    z = rng.normal(0, 1, n) + slope * (label - 0.5) - bias / slope
    return z, label


def test_the_true_map_is_found():
    slope, bias = fit(*drawn(1.2, 0.3), cap=50.0, smooth=0.0)
    assert slope == pytest.approx(1.2, abs=0.06)
    assert bias == pytest.approx(0.3, abs=0.05)


def test_class_balance_of_the_sample_does_not_matter():
    slope, bias = fit(*drawn(1.0, 0.0, win_share=0.85), cap=50.0, smooth=0.0)
    assert slope == pytest.approx(1.0, abs=0.07)
    assert bias == pytest.approx(0.0, abs=0.06)


def test_logits_that_say_nothing_get_no_slope():
    rng = np.random.default_rng(1)
    slope, bias = fit(rng.normal(0, 1, 20_000), rng.integers(0, 2, 20_000).astype(float), cap=3.0)
    assert slope < 0.03
    assert abs(bias) < 0.03


def test_a_logit_that_points_the_wrong_way_is_not_believed_in_reverse():
    z, label = drawn(1.0, 0.0)
    assert fit(-z, label, cap=3.0)[0] == 0.0


def test_perfect_separation_cannot_make_it_sure():
    label = np.repeat([0.0, 1.0], 50)
    slope, bias = fit(np.where(label > 0, 3.5, -3.5), label, cap=2.0)
    assert slope * LIMIT + abs(bias) <= 2.0 + 1e-9
    assert slope > 0.3


def test_short_windows_are_capped_lower():
    settings = Calibrating(cap=3.0, cap_from_s=30.0)
    caps = [cap_at(s, settings) for s in (1.0, 5.0, 30.0, 160.0)]
    assert caps == pytest.approx([0.1, 0.5, 3.0, 3.0])
    assert 1 / (1 + math.exp(-caps[0])) < 0.53


def test_every_combination_has_its_key():
    assert len(subsets(("keypoints", "image", "text"))) == 7


def test_the_prior_of_where_it_is_used_is_the_honest_one():
    """Fitted among 78 % wins, used among 54 %: the map is free of the first share, and takes the second."""
    slope, bias = fit(*drawn(1.5, 0.2, win_share=0.78), cap=50.0, smooth=0.0)
    record = Calibration(knots_s=(10.0,), slope={"keypoints": (slope,)}, bias={"keypoints": (bias,)})

    def error(win_share, prior):
        z, label = drawn(1.5, 0.2, n=20_000, win_share=win_share)
        win = np.array([calibrated(record, logit, ("keypoints",), 10.0, prior) for logit in z.tolist()])
        return calibration_error(win, label)

    assert error(0.54, prior=0.54) < 0.02
    assert error(0.54, prior=0.78) > 0.1
    assert error(0.78, prior=0.78) < 0.02
    assert error(0.78, prior=0.54) > 0.1


def test_one_class_among_the_long_ones_is_found_out_before_anything_is_trained(quick_recipe, tmp_path):
    materials = from_simulator(quick_recipe)
    wins = [p for p in materials.pools.held_out if p.recording.label == 1]
    one = replace(materials, pools=replace(materials.pools, held_out=wins))
    with pytest.raises(
        UsageError, match=r"of at least 2 s after wins and after losses, found wins alone; give"
    ):
        runs.run(quick_recipe, tmp_path / "run", one)
    assert not (tmp_path / "run").exists()


def test_too_short_people_are_found_out_before_anything_is_trained(quick_recipe, tmp_path):
    longer = structs.replace(quick_recipe.calibrating, knots_s=(1.0, 160.0))
    recipe = structs.replace(
        quick_recipe, calibrating=longer, delivery=structs.replace(quick_recipe.delivery, poses=4000)
    )
    with pytest.raises(
        UsageError, match=r"expected held-out recordings of at least 160 s after .*, found none; give"
    ):
        runs.run(recipe, tmp_path, from_simulator(recipe))
    assert not list(tmp_path.iterdir())


# -- the solver ------------------------------------------------------------------------------------------


def balanced(target):
    win = target > 0.5
    return np.where(win, 0.5 / win.sum(), 0.5 / (~win).sum())


def on_a_grid(logit, target, smooth):
    """The least objective over a grid of slopes and biases, on the logits as `fit` standardises them."""
    z = (logit - logit.mean()) / logit.std()
    aim, weight = smooth + (1 - 2 * smooth) * target, balanced(target)
    grid = [(s, b) for s in np.linspace(0, 30, 61) for b in np.linspace(-12, 12, 49)]
    return min(objective(np.array(theta), z, aim, weight)[0] for theta in grid)


def reached(logit, target, slope, bias, smooth):
    z, spread = (logit - logit.mean()) / logit.std(), logit.std()
    theta = np.array([slope * spread, bias + slope * logit.mean()])
    return objective(theta, z, smooth + (1 - 2 * smooth) * target, balanced(target))[0]


@settings(max_examples=60)
@given(
    seed=st.integers(0, 10_000),
    apart=st.sampled_from([0.0, 0.3, 1.0, 3.0, 30.0]),
    shift=st.floats(-50, 50),
    scale=st.floats(1e-3, 1e3),
    n=st.integers(8, 300),
)
def test_no_grid_search_finds_a_better_map(seed, apart, shift, scale, n):
    """For any shift and scale of the logits, and for classes that are wholly apart."""
    rng = np.random.default_rng(seed)
    target = np.concatenate([[0.0, 1.0], (rng.random(n) < 0.6).astype(float)])
    logit = shift + scale * (rng.normal(0, 1, len(target)) + apart * (target - 0.5))
    slope, bias = fit(logit, target, cap=1e12)
    if slope > 0:
        found = reached(logit, target, slope, bias, 0.02)
        assert found <= on_a_grid(logit, target, 0.02) + 1e-6


def test_none_of_many_perfect_rankers_is_silenced():
    """A steep or a shifted logit once ended with slope 0, or with a bias too small to move the boundary."""
    for seed in range(200):
        rng = np.random.default_rng(seed)
        target = np.repeat([0.0, 1.0], [int(rng.integers(5, 60)), int(rng.integers(5, 200))])
        ranked = rng.normal(0, 1, len(target)) + 8.0 * target
        for shift in (-20.0, -0.5, 0.0, 0.5, 20.0):
            for scale in (0.01, 1.0, 100.0):
                logit = shift + scale * ranked
                slope, bias = fit(logit, target, cap=3.0)
                assert slope > 0, (seed, shift, scale)
                assert balanced_accuracy(expit(slope * logit + bias), target) >= 0.95, (seed, shift, scale)


def test_a_cap_leaves_the_decision_boundary_where_it_is():
    z, label = drawn(1.2, 0.9)
    free, capped = fit(z, label, cap=1e6), fit(z, label, cap=0.5)
    assert capped[0] * LIMIT + abs(capped[1]) == pytest.approx(0.5)
    assert capped[1] / capped[0] == pytest.approx(free[1] / free[0])


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_one_class_alone_is_refused(label):
    with pytest.raises(OneClass, match=r"both classes .* found 20 of (wins|losses) alone"):
        fit(np.linspace(-1, 1, 20), np.full(20, label), cap=3.0)


def test_logits_that_are_no_numbers_are_refused():
    with pytest.raises(UsageError, match="expected numbers from the fusion"):
        fit(np.array([0.0, np.nan]), np.array([0.0, 1.0]), cap=3.0)


def test_logits_that_never_change_are_no_evidence():
    assert fit(np.full(40, 2.5), np.repeat([0.0, 1.0], 20), cap=3.0) == (0.0, 0.0)


def test_confidences_for_many_unseen_people_are_honest():
    """ECE ≤ 0.03 from 10 s on and nowhere worse than the prior; the logits grow with the seconds seen."""
    rng, knots = np.random.default_rng(4), (2.0, 5.0, 10.0, 20.0, 40.0)
    settings = Calibrating(cap=60.0, cap_from_s=5.0)

    def people(n, seconds):
        label = (rng.random(n) < 0.5).astype(float)
        apart = 0.5 * math.sqrt(seconds)
        return 0.3 + 0.4 * (rng.normal(0, 1, n) + apart * (label - 0.5)), label

    maps = [fit(*people(4000, s), cap=cap_at(s, settings), smooth=0.0) for s in knots]
    slope, bias = zip(*maps, strict=True)
    record = Calibration(knots_s=knots, slope={"keypoints": slope}, bias={"keypoints": bias})
    for seconds in (2.0, 10.0, 14.0, 20.0, 30.0, 40.0):
        z, label = people(8000, seconds)
        win = np.array([calibrated(record, x, ("keypoints",), seconds, 0.5) for x in z.tolist()])
        assert calibration_error(win, label) <= 0.03, seconds
        assert log_loss(win, label) <= math.log(2.0), seconds


# -- centring and scaling --------------------------------------------------------------------------------


def test_a_fusion_whose_logits_all_lie_on_one_side_is_centred(quick_recipe):
    """Before, such logits were cut off by the fusion's bound, and no map could part them."""
    materials = from_simulator(quick_recipe)
    model = build(quick_recipe, materials.tokenizer)
    held_out = materials.pools.held_out
    with torch.no_grad():
        model.fusion.head.bias.add_(60.0)
    rng = np.random.default_rng(0)
    bounded = collect(model, held_out, quick_recipe, 4.0, rng)["keypoints"][0]
    assert np.ptp(bounded) < 1e-3
    shift, gain = centre_and_scale(model, held_out, quick_recipe)
    assert shift == pytest.approx(60.0, abs=5.0)
    after = collect(model, held_out, quick_recipe, 4.0, np.random.default_rng(0))["keypoints"][0]
    assert abs(np.median(after)) < 0.5 * LIMIT
    assert np.ptp(after) > 1.0
    assert 0 < gain <= 10.0
