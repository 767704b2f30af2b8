"""The test picture: its number can be read back, its bars move, and it begins where it is told to."""

import itertools

import numpy as np
import pytest

from stream.capture.decoding.pattern import (
    BLOCK,
    HEIGHT,
    INFO,
    RATE,
    STEP,
    WIDTH,
    draw,
    pictures,
    read_number,
)


@pytest.mark.parametrize("number", [0, 1, 2, 255, 319, 320, 12_345, 2**31 + 5, 2**32 - 1])
def test_the_number_is_read_back(number: int) -> None:
    assert read_number(draw(number, np.empty((HEIGHT, WIDTH, 3), np.uint8))) == number


def test_a_number_survives_a_lossy_picture() -> None:
    image = draw(0b1011, np.empty((HEIGHT, WIDTH, 3), np.uint8))
    noise = np.random.default_rng(0).integers(-60, 60, image.shape)
    assert read_number(np.clip(image + noise, 0, 255).astype(np.uint8)) == 0b1011


def test_bars_move_by_a_step_and_come_round() -> None:
    first, second, later = (
        draw(number, np.empty((HEIGHT, WIDTH, 3), np.uint8))[BLOCK:] for number in (0, 1, WIDTH // STEP)
    )
    np.testing.assert_array_equal(second[:, :-STEP], first[:, STEP:])
    np.testing.assert_array_equal(later, first)
    assert not np.array_equal(first, second)


@pytest.mark.parametrize(
    ("start_at_s", "first"), [(0.0, 0), (1.0, 25), (1.01, 26), (0.04, 1), (3600.0, 90_000)]
)
def test_it_begins_at_the_first_picture_not_before_the_moment(start_at_s: float, first: int) -> None:
    found = list(itertools.islice(pictures(start_at_s), 3))
    assert [picture.pts for picture in found] == [number / RATE for number in range(first, first + 3)]
    assert read_number(found[-1].render()) == first + 2


def test_it_announces_what_it_gives() -> None:
    picture = next(pictures())
    assert picture.size == (INFO.height, INFO.width) == picture.render().shape[:2]
    assert (INFO.fps, INFO.duration_s) == (RATE, None)
