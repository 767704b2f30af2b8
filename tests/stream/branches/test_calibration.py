"""The affine calibration map."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.branches.calibration import calibrated, sigmoid
from stream.bundle.manifest import Calibration, key_of

MAP = Calibration(
    knots_s=(10.0, 100.0),
    slope={"keypoints": (0.5, 1.5), "keypoints+image": (1.0, 2.0)},
    bias={"keypoints": (0.0, 0.2), "keypoints+image": (0.0, 0.0)},
)


def test_between_knots_in_log_seconds() -> None:
    middle = math.sqrt(10.0 * 100.0)
    assert calibrated(MAP, 1.0, ["keypoints"], middle, 0.5) == pytest.approx(sigmoid(1.0 + 0.1))


def test_outside_the_knots_it_is_held() -> None:
    assert calibrated(MAP, 2.0, ["keypoints"], 0.0, 0.5) == pytest.approx(sigmoid(1.0))
    assert calibrated(MAP, 2.0, ["keypoints"], 1e6, 0.5) == pytest.approx(sigmoid(3.2))


def test_branches_choose_the_map_in_any_order() -> None:
    assert key_of(["image", "keypoints"]) == "keypoints+image"
    assert calibrated(MAP, 1.0, ["image", "keypoints"], 10.0, 0.5) == pytest.approx(sigmoid(1.0))


@given(st.floats(-8, 8), st.floats(1, 500), st.floats(0.05, 0.95))
def test_prior_shifts_the_log_odds_by_its_own(logit: float, seconds: float, prior: float) -> None:
    def odds(p: float) -> float:
        return math.log(p / (1 - p))

    even = calibrated(MAP, logit, ["keypoints"], seconds, 0.5)
    shifted = calibrated(MAP, logit, ["keypoints"], seconds, prior)
    assert odds(shifted) - odds(even) == pytest.approx(odds(prior), abs=1e-6)


@given(st.floats(allow_nan=False, allow_infinity=True))
def test_sigmoid_is_never_certain(x: float) -> None:
    assert 0.0 < sigmoid(x) < 1.0
