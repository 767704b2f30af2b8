"""The affine calibration map."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.branches.calibration import calibrated, calibrated_logit, informative, prior_logit, sigmoid
from stream.bundle.manifest import Calibration, key_of

MAP = Calibration(
    knots_s=(10.0, 100.0),
    slope={"keypoints": (0.5, 1.5), "keypoints+image": (1.0, 2.0)},
    bias={"keypoints": (0.0, 0.2), "keypoints+image": (0.0, 0.0)},
)


def test_between_knots_in_log_seconds() -> None:
    middle = math.sqrt(10.0 * 100.0)
    assert calibrated(MAP, 1.0, ["keypoints"], middle, 0.5) == pytest.approx(sigmoid(1.0 + 0.1))


def test_after_the_last_knot_it_is_held() -> None:
    assert calibrated(MAP, 2.0, ["keypoints"], 1e6, 0.5) == pytest.approx(sigmoid(3.2))


@given(st.floats(0, 10), st.floats(-4, 4), st.floats(0.05, 0.95))
def test_before_the_first_knot_it_shrinks_towards_the_prior(
    seconds: float, logit: float, prior: float
) -> None:
    at_knot = calibrated_logit(MAP, logit, ["keypoints"], 10.0, prior) - prior_logit(prior)
    found = calibrated_logit(MAP, logit, ["keypoints"], seconds, prior) - prior_logit(prior)
    assert found == pytest.approx(at_knot * seconds / 10.0, abs=1e-9)


def test_nothing_seen_is_the_prior() -> None:
    assert calibrated(MAP, 4.0, ["keypoints"], 0.0, 0.75) == pytest.approx(0.75)


def test_a_branch_whose_own_map_is_flat_has_no_evidence() -> None:
    flat = Calibration(
        knots_s=(10.0, 100.0),
        slope={"keypoints": (0.5, 1.5), "image": (0.0, 0.0), "text": (0.0, 1.0)},
        bias={"keypoints": (0.0, 0.2), "image": (0.3, 0.3), "text": (0.0, 0.0)},
    )
    assert informative(flat, "keypoints", 0.0)
    assert not informative(flat, "image", 500.0)
    assert [informative(flat, "text", s) for s in (5.0, 10.0, 50.0)] == [False, False, True]
    assert informative(MAP, "image", 50.0), "a bundle that never calibrated it alone takes it as it is"


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
