"""What a program can rely on when something goes wrong: who catches what, and which codes there are."""

import pickle
import re

import pytest

from stream import errors
from stream.errors import (
    SOURCE_FAULTS,
    DescriptionDenied,
    DescriptionError,
    DescriptionMalformed,
    DescriptionRefused,
    DescriptionRejected,
    DescriptionUnavailable,
    SourceError,
    SourceTimeout,
    UndertoneError,
)

KINDS = [
    kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, UndertoneError)
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_one_except_catches_everything_and_prints_the_sentence_alone(kind: type[UndertoneError]) -> None:
    error = kind("expected this, found that; do so.")
    assert isinstance(error, UndertoneError)
    assert str(error) == "expected this, found that; do so."


def test_the_tree_is_drawn_as_it_is() -> None:
    drawn = re.findall(r"^\W*(\w+)", errors.__doc__ or "", re.MULTILINE)[1:]
    assert sorted(drawn) == sorted(kind.__name__ for kind in KINDS)


@pytest.mark.parametrize(
    ("narrow", "wide"),
    [
        (SourceTimeout, SourceError),
        (DescriptionRejected, DescriptionRefused),
        (DescriptionRefused, DescriptionError),
        (DescriptionMalformed, DescriptionError),
        (DescriptionDenied, DescriptionError),
        (DescriptionUnavailable, DescriptionError),
    ],
)
def test_the_narrow_kind_is_caught_with_the_wide_one(narrow: type, wide: type) -> None:
    assert issubclass(narrow, wide)


def test_a_source_s_fault_has_a_code_a_program_can_act_on() -> None:
    assert SourceError("x").code == "broke_off"
    assert SourceTimeout("x").code == "timeout"
    assert SourceError("x", code="auth").code == "auth"
    assert {"refused", "auth", "timeout", "not_found", "codec", "unreadable"} < set(SOURCE_FAULTS)


def test_what_an_error_carries_beside_its_sentence() -> None:
    assert DescriptionMalformed("x", raw="{").raw == "{"
    assert DescriptionUnavailable("x", 34.0).retry_after_s == 34.0
    assert DescriptionUnavailable("x").retry_after_s is None


def test_a_code_survives_the_way_to_another_process() -> None:
    again = pickle.loads(pickle.dumps(SourceError("gone; look", code="not_found")))
    assert (str(again), again.code) == ("gone; look", "not_found")
