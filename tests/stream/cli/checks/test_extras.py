"""A library that is missing is named with the extra that brings it, and with the command for that."""

import tomllib
from pathlib import Path

import pytest

from stream.cli.checks.extras import DISTRIBUTION, LIBRARIES, install, sentence

PROJECT = tomllib.loads((Path(__file__).parents[4] / "pyproject.toml").read_text())["project"]


@pytest.mark.parametrize(
    ("library", "extra"),
    [
        ("torch", "training"),
        ("torch.nn.functional", "training"),
        ("google.genai", "gemini"),
        ("ultralytics", "yolo"),
    ],
)
def test_the_sentence_names_library_extra_and_command(library: str, extra: str) -> None:
    assert sentence(library) == (
        f"expected the library {library.split('.')[0]}, found it not installed; "
        f"add the extra `{extra}` with pip install 'undertone-live[{extra}]'."
    )


@pytest.mark.parametrize("library", ["numpy", "torchx", "", "stream.errors"])
def test_a_library_that_no_extra_brings_is_nobody_s(library: str) -> None:
    assert sentence(library) is None


@pytest.mark.parametrize("extra", LIBRARIES)
def test_the_command_works_with_the_distribution_as_it_is(extra: str) -> None:
    assert PROJECT["name"] == DISTRIBUTION
    assert extra in PROJECT["optional-dependencies"]
    assert install(extra) == f"pip install '{PROJECT['name']}[{extra}]'"
