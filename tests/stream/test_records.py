"""What the records say of themselves."""

import pytest

from stream.records import two_digits


@pytest.mark.parametrize(
    ("confidence", "shown"),
    [
        (0.0, "<0.01"),
        (0.0049, "<0.01"),
        (0.0051, "0.01"),
        (0.5, "0.50"),
        (0.994, "0.99"),
        (0.9951, ">0.99"),
        (1.0, ">0.99"),
    ],
)
def test_no_screen_shows_certainty(confidence: float, shown: str) -> None:
    assert two_digits(confidence) == shown
