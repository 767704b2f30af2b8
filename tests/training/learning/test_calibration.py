import math

import numpy as np
import pytest
from msgspec import structs

from export.modules.branches import LIMIT
from stream.branches.calibration import calibrated
from stream.bundle.manifest import Calibration
from stream.errors import UsageError
from training.config import Calibrating
from training.data.materials import from_simulator
from training.evaluation.metrics import calibration_error
from training.learning import runs
from training.learning.calibration import cap_at, fit, subsets


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


def test_too_short_people_are_found_out_before_anything_is_trained(quick_recipe, tmp_path):
    longer = structs.replace(quick_recipe.calibrating, knots_s=(1.0, 160.0))
    recipe = structs.replace(
        quick_recipe, calibrating=longer, delivery=structs.replace(quick_recipe.delivery, poses=4000)
    )
    with pytest.raises(UsageError, match=r"expected held-out recordings of at least 160 s, found none"):
        runs.run(recipe, tmp_path, from_simulator(recipe))
    assert not list(tmp_path.iterdir())
