"""A picture costs nothing until its pixels are asked for."""

from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from stream.capture.decoding.pattern import pictures
from stream.capture.picture import Picture, StreamInfo


def test_pixels_are_made_when_asked_for_and_only_then() -> None:
    asked = []

    def render() -> np.ndarray:
        asked.append(1)
        return np.zeros((2, 3, 3), np.uint8)

    picture = Picture(0.04, 5.0, (2, 3), False, render)
    assert not asked
    assert picture.render().shape[:2] == picture.size
    assert len(asked) == 1


def test_two_pictures_are_never_equal_by_their_fields() -> None:
    """Comparing them would compare, or even make, pixels."""
    one, other = (next(pictures()) for _ in range(2))
    assert one.pts == other.pts
    assert one != other


def test_what_a_source_announces_cannot_be_changed_later() -> None:
    info = StreamInfo(160, 96, 25.0, "h264", None)
    assert info.others == ()
    with pytest.raises(FrozenInstanceError):
        info.width = 320  # type: ignore[misc]
