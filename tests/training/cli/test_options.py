"""Defaults that the rest of the program takes as they are."""

from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import get_type_hints

import pytest

from stream.bundle.manifest import BRANCHES
from stream.describing.labellers.provider import Sampling
from stream.describing.rendering import form_of
from training.cli.options import AskingOptions, EvaluateOptions, JudgingOptions, LabelOptions


def names(record) -> list[str]:
    """Of all options of a command, those of the records inside included."""
    hints = get_type_hints(record)
    return [
        name
        for each in fields(record)
        for name in (names(hints[each.name]) if is_dataclass(hints[each.name]) else [each.name])
    ]


@pytest.mark.parametrize("record", [LabelOptions, EvaluateOptions])
def test_no_two_options_of_a_command_have_one_name(record):
    found = names(record)
    assert len(set(found)) == len(found) > 5


def test_what_is_asked_by_default_is_accepted():
    asking = AskingOptions()
    sampling = Sampling(asking.model, asking.fps, asking.resolution, seed=asking.seed)
    assert sampling == Sampling(asking.model)
    assert form_of(asking.text) == "guarded"


def test_everything_is_judged_and_nothing_is_sent_unasked_by_default():
    assert tuple(JudgingOptions().branches.split(",")) == BRANCHES
    options = LabelOptions(videos=Path("videos"), out=Path("out"))
    assert [options.yes, options.dry_run, options.retry_failed] == [False, False, False]
