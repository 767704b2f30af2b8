"""What is missing is said before any work begins, with the extra that brings it."""

import pytest

from export.frontends.extras import TRAINING, require
from stream.errors import UsageError


def test_what_is_installed_is_no_error():
    require("numpy", *TRAINING)


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        (
            "transformers",
            r"expected the library transformers, found it not installed; .*undertone-live\[training\]",
        ),
        ("ultralytics", r"expected the library ultralytics, .*undertone-live\[yolo\]"),
        ("nobody_s", "expected nobody_s, found it not installed; install it"),
    ],
)
def test_the_first_that_is_missing_is_named(monkeypatch, missing, words):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == missing else object())
    with pytest.raises(UsageError, match=words):
        require("torch", missing, "numpy")
