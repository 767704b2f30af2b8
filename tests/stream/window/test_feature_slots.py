"""Slots of image features: the first of a slot keeps it, gaps stay gaps."""

import numpy as np
import pytest

from stream.window.feature_slots import FeatureSlots


def feature(value: float) -> np.ndarray:
    return np.full(3, value, np.float32)


@pytest.fixture
def slots() -> FeatureSlots:
    return FeatureSlots(4, 3)


def test_the_first_feature_of_a_slot_keeps_it(slots: FeatureSlots) -> None:
    slots.put(0, feature(1), 0)
    slots.put(0, feature(2), 5)
    values, mask, scenes = slots.views(0, 1)
    assert (values[0, 0], mask[0], scenes[0]) == (1, True, 0)


def test_skipped_slots_are_gaps_also_where_older_features_lay(slots: FeatureSlots) -> None:
    for slot in range(4):
        slots.put(slot, feature(slot), 0)
    slots.put(6, feature(6), 1)
    values, mask, _ = slots.views(6, 4)
    assert mask.tolist() == [True, False, False, True]
    assert values[:, 0].tolist() == [3, 0, 0, 6]


def test_an_open_slot_waits_for_its_feature(slots: FeatureSlots) -> None:
    slots.put(0, None, 0)
    assert not slots.has(0)
    slots.open(2)
    slots.put(2, feature(7), 3)
    assert (slots.has(2), slots.newest) == (True, 2)
    slots.open(1)
    assert slots.newest == 2, "an older slot opens nothing"


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_feature_that_is_not_finite_is_none(slots: FeatureSlots, bad: float) -> None:
    slots.put(0, np.array((1, bad, 1), np.float32), 0)
    assert not slots.has(0)
    slots.put(0, feature(2), 0)
    assert slots.has(0)


def test_slots_do_not_go_back(slots: FeatureSlots) -> None:
    slots.put(3, feature(1), 0)
    with pytest.raises(ValueError, match="must not go back: expected 3 or more, found 2"):
        slots.put(2, feature(1), 0)


def test_reset_starts_again_at_the_first_slot(slots: FeatureSlots) -> None:
    slots.put(3, feature(1), 0)
    slots.reset()
    assert (slots.newest, slots.has(3)) == (-1, False)
    slots.put(0, feature(1), 0)
