"""One line of the doctor's report, for people and for programs."""

import json

import msgspec
import pytest

from stream.cli.checks.finding import Finding


@pytest.mark.parametrize(
    ("finding", "line"),
    [
        (Finding(state="ok", what="gpu", found="an H100"), "ok      gpu: an H100"),
        (Finding(state="absent", what="gpu", found="none"), "absent  gpu: none"),
        (
            Finding(state="broken", what="models", found="damaged", do="pull them", needed=True),
            "broken  models: damaged → pull them",
        ),
    ],
)
def test_states_stand_in_a_column_and_what_to_do_behind_an_arrow(finding: Finding, line: str) -> None:
    assert finding.line == line


def test_a_program_reads_every_field_back() -> None:
    finding = Finding(state="broken", what="models", found="damaged", do="pull them", needed=True)
    raw = json.loads(msgspec.json.encode(finding))
    assert raw == {"state": "broken", "what": "models", "found": "damaged", "do": "pull them", "needed": True}
    assert msgspec.convert(raw, Finding) == finding
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({**raw, "state": "fine"}, Finding)
