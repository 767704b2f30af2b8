"""Additive evidence: the parts of the published log-odds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.branches.evidence import shapley, subsets

NAMES = ("keypoints", "image", "text")
LOGITS = st.floats(-20, 20)


@given(st.integers(1, 3), st.data())
def test_parts_and_prior_sum_to_the_whole(n: int, data: st.DataObject) -> None:
    names = NAMES[:n]
    logits = {subset: data.draw(LOGITS) for subset in subsets(names)}
    prior = data.draw(LOGITS)
    parts = shapley(logits, prior)
    assert set(parts) == {*names, "prior"}
    assert sum(parts.values()) == pytest.approx(logits[frozenset(names)], abs=1e-9)


@given(LOGITS, LOGITS, LOGITS, LOGITS)
def test_an_additive_model_gets_its_own_parts(prior: float, a: float, b: float, c: float) -> None:
    own = dict(zip(NAMES, (a, b, c), strict=True))
    logits = {subset: prior + sum(own[name] for name in subset) for subset in subsets(NAMES)}
    assert shapley(logits, prior) == pytest.approx({**own, "prior": prior}, abs=1e-9)


def test_alike_branches_get_alike_parts_and_a_useless_one_gets_none() -> None:
    """Two that say the same share it; one that never changes anything has 0."""
    logits = {subset: 0.5 + (2.0 if subset & {"keypoints", "image"} else 0.0) for subset in subsets(NAMES)}
    parts = shapley(logits, 0.5)
    assert parts["keypoints"] == parts["image"] == pytest.approx(1.0)
    assert parts["text"] == pytest.approx(0.0)


def test_two_branches_against_all_orders_by_hand() -> None:
    k, i, both = frozenset({"keypoints"}), frozenset({"image"}), frozenset({"keypoints", "image"})
    parts = shapley({k: 1.0, i: 3.0, both: 2.0}, 0.0)
    assert parts["keypoints"] == pytest.approx((1.0 + (2.0 - 3.0)) / 2)
    assert parts["image"] == pytest.approx((3.0 + (2.0 - 1.0)) / 2)
