"""The eight orientations of a display matrix, and pixels that are not square."""

import struct
from fractions import Fraction

import numpy as np
import pytest

from stream.capture.decoding.orientation import Orientation, display_size, of_matrix

PICTURE = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)


def matrix(a: int, b: int, c: int, d: int) -> bytes:
    one = 1 << 16
    return struct.pack("<9i", a * one, b * one, 0, c * one, d * one, 0, 0, 0, 1 << 30)


def by_definition(a: int, b: int, c: int, d: int) -> np.ndarray:
    """Every stored pixel (x, y) goes to (a·x + c·y, b·x + d·y), moved into view."""
    height, width = PICTURE.shape[:2]
    places = {(x, y): (a * x + c * y, b * x + d * y) for x in range(width) for y in range(height)}
    left, top = min(x for x, _ in places.values()), min(y for _, y in places.values())
    shape = (width, height) if a == 0 else (height, width)
    out = np.zeros((*shape, 3), np.uint8)
    for (x, y), (to_x, to_y) in places.items():
        out[to_y - top, to_x - left] = PICTURE[y, x]
    return out


@pytest.mark.parametrize("p", [1, -1])
@pytest.mark.parametrize("q", [1, -1])
@pytest.mark.parametrize("turned", [False, True])
def test_all_eight(p: int, q: int, turned: bool) -> None:
    signs = (0, p, q, 0) if turned else (p, 0, 0, q)
    found = of_matrix(matrix(*signs))
    assert found == Orientation(signs)
    assert found.turned == turned
    np.testing.assert_array_equal(found.apply(PICTURE), by_definition(*signs))


@pytest.mark.parametrize("raw", [b"", b"\0" * 36, b"\1" * 36, matrix(1, 1, 1, 1)])
def test_a_damaged_matrix_changes_nothing(raw: bytes) -> None:
    assert of_matrix(raw) == Orientation()


@pytest.mark.parametrize(
    ("aspect", "expected"),
    [
        (None, (720, 576)),
        (Fraction(1), (720, 576)),
        (Fraction(64, 45), (1024, 576)),
        (Fraction(16, 15), (768, 576)),
        (Fraction(0), (720, 576)),
        (Fraction(1000), (720, 576)),
    ],
)
def test_square_pixels(aspect: Fraction | None, expected: tuple[int, int]) -> None:
    assert display_size(720, 576, aspect) == expected
