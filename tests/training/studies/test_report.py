"""The report on people nobody trained on: every file of it, and what its tables confess."""

import csv
import shutil

import msgspec
import numpy as np
import pytest
from msgspec import structs

from stream.errors import UsageError
from training.corpus.index import INDEX
from training.corpus.store import Store
from training.data.materials import from_corpus
from training.evaluation import predictions
from training.evaluation.metrics import accuracy, balanced_accuracy
from training.evaluation.tables import ALWAYS_WIN, SHARED, SIMULATED
from training.learning import runs
from training.studies import panel as judging
from training.studies import report

pytestmark = pytest.mark.slow

PNG = b"\x89PNG"


@pytest.fixture(scope="module")
def panel(quick_run):
    return judging.Panel([runs.resume(quick_run)])


@pytest.fixture(scope="module")
def people(panel, store):
    ids = [*store.ids("disjoint", "test"), *store.ids("disjoint", "validation")]
    return list(judging.stored_people(store, ids, panel.members[0]))


def about(**changes):
    values = {"title": "made", "subject_disjoint": True, "simulated": True, "resamples": 60} | changes
    return report.Test(**values)


def rows_of(path):
    with path.open(newline="") as stream:
        return {row["name"]: row for row in csv.DictReader(stream)}


def test_everything_is_written_and_reads_back(panel, people, tmp_path):
    test = about(seconds=(1.0, 6.0, 20.0), training_prior=0.6, quantile=0.5)
    figures = report.evaluate(panel, people, test, tmp_path / "report")
    out = tmp_path / "report"
    assert {f.name for f in out.iterdir()} == {
        "predictions.jsonl",
        "anytime.jsonl",
        "table.md",
        "table.csv",
        "reliability.png",
        "anytime.png",
    }
    for name in ("reliability.png", "anytime.png"):
        assert (out / name).read_bytes().startswith(PNG)
        assert (out / name).stat().st_size > 5000
    found = predictions.read(out / "predictions.jsonl")
    assert [p.id for p in found] == [p.name for p in people]
    said = predictions.columns(found)
    assert figures["balanced_accuracy"].value == pytest.approx(balanced_accuracy(said.win, said.label))
    rows = rows_of(out / "table.csv")
    assert list(rows) == ["fused", "fused, quantile threshold", ALWAYS_WIN]
    assert float(rows["fused"]["accuracy"]) == pytest.approx(accuracy(said.win, said.label))
    assert float(rows[ALWAYS_WIN]["accuracy"]) == pytest.approx(np.mean(said.label))
    assert float(rows[ALWAYS_WIN]["balanced_accuracy"]) == 0.5
    assert {row["n"] for row in rows.values()} == {str(len(people))}
    assert {row["simulated"] for row in rows.values()} == {"true"}
    assert {p.seconds for p in predictions.read(out / "anytime.jsonl")} == {1.0, 6.0}
    assert SIMULATED in (out / "table.md").read_text()


def test_the_quantile_threshold_is_transductive_and_calls_its_share_wins(panel, people, tmp_path):
    report.evaluate(panel, people, about(quantile=0.5), tmp_path)
    row = rows_of(tmp_path / "table.csv")["fused, quantile threshold"]
    assert row["accuracy"] == row["auroc"] == row["transductive_auroc"] == ""
    win, label, _ = predictions.columns(predictions.read(tmp_path / "predictions.jsonl"))
    called = win >= np.sort(win)[::-1][round(0.5 * len(win)) - 1]
    assert float(row["transductive_accuracy"]) == pytest.approx(np.mean(called == label))


def test_people_seen_in_training_have_their_own_column(panel, people, tmp_path):
    figures = report.evaluate(panel, people, about(transductive=True), tmp_path)
    row = rows_of(tmp_path / "table.csv")["fused"]
    assert row["accuracy"] == ""
    assert float(row["transductive_accuracy"]) == figures["accuracy"].value
    assert "Accuracy, transductive" in (tmp_path / "table.md").read_text()


def test_without_seconds_there_is_no_anytime_curve(panel, people, tmp_path):
    report.evaluate(panel, people, about(), tmp_path)
    assert not list(tmp_path.glob("anytime*"))


def test_real_people_have_neither_label_nor_ceiling(panel, people, tmp_path, monkeypatch):
    monkeypatch.setattr(report, "ceiling", lambda *_: pytest.fail("nobody knows real people's events"))
    report.evaluate(panel, people, about(simulated=False, seconds=(6.0,)), tmp_path)
    text = (tmp_path / "table.md").read_text()
    assert "simulated" not in text
    assert ALWAYS_WIN in text


def test_people_in_both_parts_are_confessed(panel, people, tmp_path):
    report.evaluate(panel, people, about(subject_disjoint=False), tmp_path)
    assert SHARED in (tmp_path / "table.md").read_text()
    assert {row["subject_disjoint"] for row in rows_of(tmp_path / "table.csv").values()} == {"false"}
    report.evaluate(panel, people, about(), tmp_path)
    assert "subject_disjoint: false" not in (tmp_path / "table.md").read_text()


def test_a_report_on_nobody(panel, tmp_path):
    with pytest.raises(UsageError, match="expected at least one prediction, found none"):
        report.evaluate(panel, [], about(), tmp_path)


def test_a_published_split_that_shares_people_reaches_the_materials(quick_recipe, store, tmp_path):
    shutil.copytree(store.folder, tmp_path / "shared")
    split = structs.replace(store.index.splits["disjoint"], subject_disjoint=False)
    index = structs.replace(store.index, splits={"disjoint": split})
    (tmp_path / "shared" / INDEX).write_bytes(msgspec.json.encode(index))
    assert not from_corpus(quick_recipe, Store.open(tmp_path / "shared")).subject_disjoint
    assert from_corpus(quick_recipe, store).subject_disjoint
