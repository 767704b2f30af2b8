"""Every option has its help, and no help is of an option that is gone."""

from dataclasses import fields, is_dataclass
from typing import get_type_hints

import pytest

from training.cli.help_texts import HELP


@pytest.mark.parametrize("record", HELP, ids=lambda record: record.__name__)
def test_help_and_options_agree(record):
    hints = get_type_hints(record)
    options = {each.name for each in fields(record) if not is_dataclass(hints[each.name])}
    _, texts = HELP[record]
    assert texts.keys() == options
    assert all(text["help"].endswith((".", ")")) for text in texts.values())


def test_records_inside_others_have_a_panel_of_their_own():
    inner = {kind for record in HELP for kind in get_type_hints(record).values() if is_dataclass(kind)}
    assert inner
    assert inner <= HELP.keys()
    panels = [HELP[record][0] for record in inner]
    assert None not in panels
    assert len(set(panels)) == len(panels)
