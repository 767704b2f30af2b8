"""One look in a process of its own: what works, what does not, and what is nobody's name."""

import pytest

from stream.cli.checks import child
from stream.cli.checks.probe import look


def test_the_child_itself() -> None:
    assert look("provider cpu").works
    missing = look("provider npu")
    assert not missing.works
    assert "expected one of cpu, cuda, tensorrt" in missing.found


def test_unknown_names_are_a_mistake_of_ours() -> None:
    with pytest.raises(KeyError):
        child.look("weather")
