"""Whether anybody describes the player at all."""

import pytest

from stream.describing.options import TextOptions


@pytest.mark.parametrize(
    ("options", "any_"),
    [
        (TextOptions(), False),
        (TextOptions(describe="gemini"), True),
        (TextOptions(notes="-"), True),
        (TextOptions(describe="gemini", notes="notes.txt"), True),
        (TextOptions(model="m", every_s=5.0, names=("Ada",)), False),  # how, but not who
    ],
)
def test_a_labeller_or_an_operator_describes(options: TextOptions, any_: bool) -> None:
    assert options.any is any_


def test_a_labeller_is_asked_once_a_minute() -> None:
    assert TextOptions().every_s == 60.0
