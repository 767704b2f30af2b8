"""Tables: the baseline's line, the label of made-up people, what others claim, both settings."""

import csv
import io

import numpy as np
import pytest

from training.gestures.evaluation import metrics, tables
from training.gestures.evaluation.predictions import ClipPredictions

GROUPS = metrics.Frequency((31,), (1,), (2,))


@pytest.fixture
def said():
    labels = np.array([31] * 6 + [1] * 3 + [2])
    chances = np.full((10, 32), 0.01)
    chances[np.arange(10), labels] = 0.69
    return ClipPredictions(
        tuple(f"v{i}_0" for i in range(10)), tuple(f"s{i % 3}" for i in range(10)), labels, chances
    )


def test_a_table_says_what_it_must(said, tmp_path):
    figures = metrics.intervals([said], GROUPS, resamples=50)
    rows = [tables.Row(name="fused", figures=figures, note="all")]
    table = tables.table("made", rows, said, GROUPS, simulated=True, resamples=50)
    text = tables.markdown(table)
    assert "made-up people" in text
    assert "10 clips of 3 subjects" in text
    assert "| always illustrative | 60.0 [" in text
    assert "MM-Gesture (2025) 73.21" in text
    assert "data that is not here" in text
    assert "transductive" not in text
    tables.write(tmp_path, "t", table)
    rows = list(csv.DictReader(io.StringIO((tmp_path / "t.csv").read_text())))
    assert [r["name"] for r in rows] == ["fused", "always illustrative"]
    assert float(rows[0]["top1"]) == 1.0
    assert rows[1]["nll"] == ""
    assert rows[0]["simulated"] == "true"


def test_settings_stand_beside_each_other(said):
    figures = metrics.intervals([said], GROUPS, resamples=50)
    row = tables.Row(name="fused", figures=figures, transductive=figures)
    table = tables.table("made", [row], said, GROUPS, simulated=False, resamples=50)
    text = tables.markdown(table)
    assert "Top-1, inductive | Top-1, transductive" in text
    assert "made-up" not in text
    assert tables.to_csv(table).count("transductive") == 2


def test_differences_in_words(said):
    found = metrics.intervals([said], GROUPS, against=[said], resamples=50)
    assert tables.difference(found) == "+0.0 [+0.0, +0.0]"
