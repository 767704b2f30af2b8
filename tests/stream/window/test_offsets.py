"""Eight values per point, by hand: place in the box, displacements in units of the box now."""

import numpy as np
import pytest

from stream.window.offsets import features_of

BOX = np.array((100, 50, 300, 150), np.float32)  # 200 × 100
POINT = np.array(((150, 75),), np.float32)
YES, NO = np.array((True,)), np.array((False,))


def test_place_and_displacement() -> None:
    earlier = np.array(((110, 85),), np.float32)
    values, valid = features_of(BOX, POINT, YES, [(earlier, YES), (POINT, YES)])
    np.testing.assert_allclose(values, ((0.25, 0.25, 0.2, -0.1, 0, 0),), atol=1e-6)
    assert values.dtype == np.float32
    assert valid.tolist() == [[True, True]]


@pytest.mark.parametrize("partner", [None, (np.array(((110, 85),), np.float32), NO)])
def test_an_earlier_tick_that_is_missing_leaves_its_pair_at_zero(partner) -> None:
    values, valid = features_of(BOX, POINT, YES, [partner, (POINT - 20, YES)])
    np.testing.assert_allclose(values, ((0.25, 0.25, 0, 0, 0.1, 0.2),), atol=1e-6)
    assert valid.tolist() == [[False, True]]


def test_a_point_that_is_not_seen_now_is_zero_throughout() -> None:
    values, valid = features_of(BOX, POINT, NO, [(POINT - 20, YES)])
    assert not values.any()
    assert not valid.any()


def test_a_box_without_area_divides_by_a_pixel() -> None:
    values, _ = features_of(np.array((9, 9, 9, 9), np.float32), POINT, YES, [])
    np.testing.assert_allclose(values, ((141, 66),))


def test_leading_dimensions_broadcast() -> None:
    boxes, points = np.stack([BOX, BOX + 10]), np.stack([POINT, POINT])
    values, valid = features_of(boxes, points, np.stack([YES, NO]), [None] * 3)
    assert (values.shape, valid.shape) == ((2, 1, 8), (2, 1, 3))
    np.testing.assert_array_equal(values[0], features_of(BOX, POINT, YES, [None] * 3)[0])
    assert not values[1].any()
