"""Reliability of a running confidence: every second, by valid seconds, with intervals by person."""

import csv

import numpy as np
import pytest

from training.evaluation import predictions
from training.evaluation.predictions import Prediction
from training.studies import live_like

PNG = b"\x89PNG"


class Judge:
    """Knows each person's chance of a win and says it every second, or is as sure as ``certain`` says."""

    def __init__(self, certain=None):
        self.certain = certain
        self.recipe = type("Recipe", (), {"window": type("Window", (), {"rate": 25.0})})

    def moments(self, people, seconds, *, valid):
        assert valid
        return [
            Prediction(
                id=f"{p.id}@{at:g}",
                subject=p.id,
                label=p.label,
                win=self.certain or p.chance,
                logit=0.0,
                seconds=at,
            )
            for at in seconds
            for p in people
            if p.ticks >= at * 25
        ]


class Person:
    def __init__(self, number, rng):
        self.id, self.ticks = str(number), 25 * 12
        self.chance = float(rng.uniform(0.05, 0.95))
        self.label = int(rng.random() < self.chance)


@pytest.fixture(scope="module")
def people():
    rng = np.random.default_rng(0)
    return [Person(n, rng) for n in range(600)]


def test_an_honest_judge_differs_from_one_who_is_always_sure(people, tmp_path):
    judges = {"full": Judge(), "ring": Judge(certain=0.99)}
    rows = live_like.measure(judges, people, tmp_path, resamples=200)
    assert [(r.mode, r.valid_s, r.people, r.statements) for r in rows] == [
        ("full", "0 to 5", 600, 3000),
        ("full", "5 to 10", 600, 3000),
        ("full", "10 to 30", 600, 1200),
        ("ring", "0 to 5", 600, 3000),
        ("ring", "5 to 10", 600, 3000),
        ("ring", "10 to 30", 600, 1200),
    ]
    honest, sure = rows[0], rows[3]
    assert honest.ece.value < 0.06
    assert honest.ece.high > 0.03, "600 people, not 3000 independent statements"
    assert (honest.sure.value, np.isnan(honest.sure_wrong.value)) == (0.0, True)
    losses = np.mean([p.label == 0 for p in people])
    assert sure.sure.value == 1.0
    assert sure.sure_wrong.value == pytest.approx(losses)
    assert sure.sure_wrong.low < losses < sure.sure_wrong.high
    assert sure.ece.value == pytest.approx(losses - 0.01, abs=1e-9)
    assert sure.sharpness.value == pytest.approx(0.49)


def test_what_is_written_reads_back(people, tmp_path):
    rows = live_like.measure({"full": Judge()}, people[:20], tmp_path, every_s=2.5, resamples=50)
    assert {f.name for f in tmp_path.iterdir()} == {"live.md", "live.csv", "live-full.jsonl", "live-full.png"}
    assert (tmp_path / "live-full.png").read_bytes().startswith(PNG)
    assert {p.seconds for p in predictions.read(tmp_path / "live-full.jsonl")} == {2.5, 5.0, 7.5, 10.0}
    with (tmp_path / "live.csv").open(newline="") as file:
        read = list(csv.DictReader(file))
    assert [float(row["ece"]) for row in read] == pytest.approx([row.ece.value for row in rows])
    shown = live_like.markdown(rows)
    assert (tmp_path / "live.md").read_text() == shown
    assert "| full | 0 to 5 | 20 | 40 |" in shown
    assert "undefined" in shown, "nobody was sure, so nobody was sure and wrong"
    assert "nan" not in shown
