"""The table of a run and its Track 1 submission."""

import pytest

from stream.errors import UsageError
from training.gestures.runs.report import report, submit
from training.gestures.runs.run import about_of, recipe_of

pytestmark = pytest.mark.slow


def test_the_table_of_a_run(finished_run, tmp_path):
    text = report(finished_run[0], tmp_path)
    assert "| always illustrative |" in text
    assert "| 1-fused |" in text
    assert "| 2-r2plus1d |" in text
    assert "points of macro-F1 against 1-joints" in text
    assert "made-up people" in text
    assert "Pseudo-labels of the pool" in text
    assert "Pseudo-labels of the validation subjects" in text
    assert (tmp_path / "table.csv").read_text().count("\n") == 14
    with pytest.raises(UsageError, match="expected a run of gesture branches, found none"):
        recipe_of(tmp_path)
    with pytest.raises(UsageError, match="expected a finished run"):
        about_of(tmp_path)


def test_a_submission_of_a_run(ground, finished_run, tmp_path):
    assert submit(finished_run[0], tmp_path / "s.csv", None) == len(ground.parts.test)
    lines = (tmp_path / "s.csv").read_text().splitlines()
    assert lines[0] == "Id,Target"
    assert all(0 <= int(line.split(",")[1]) <= 31 for line in lines[1:])
