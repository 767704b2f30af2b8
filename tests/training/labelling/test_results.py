"""What a run leaves: lines, a sheet whose corrections stay, and a summary that tells what is odd."""

import csv
import json

import pytest
from gemini_server import GOOD, Fault
from label_command import lines, sheet

from training.labelling import labels

pytestmark = pytest.mark.slow


def test_the_plain_prompt_leaves_texts_to_the_corpus(server, label, out):
    server.answer = lambda asked: '{"confidence_win": 20, "confidence_loss": 60}'
    label("--prompt", "plain")
    assert lines(out)["0001"] == {"id": "0001", "win": 0.25}


def test_a_plain_answer_that_failed_does_not_blank_the_texts_of_a_corpus(server, label, out):
    server.answer = lambda asked: json.dumps({"confidence_win": 70, "confidence_loss": 30})
    server.faults["generate"].append(Fault(response={"candidates": []}))
    assert "3 answered, 1 failed" in label("--prompt", "plain").output
    assert labels.read(out).texts is None


def test_a_run_in_vain_leaves_the_lines_of_a_better_one(server, label, out, monkeypatch):
    label()
    before = (out / "labels.jsonl").read_bytes(), (out / "audit.csv").read_bytes()
    monkeypatch.setenv("GOOGLE_API_KEY", "wrong")
    assert label("--model", "gemini-other").exit_code != 0
    assert ((out / "labels.jsonl").read_bytes(), (out / "audit.csv").read_bytes()) == before


def test_another_model_than_the_one_asked_is_told(server, label, out):
    server.model = "gemini-3.8-flash-002"
    assert "warning" not in label().output
    server.model = "gemini-9"
    assert "warning: gemini-3.8-flash was asked, gemini-9 answered 4 times" in label("--seed", 1).output


def test_the_cost_is_reported_where_prices_are_known(server, label):
    assert ", cost 1.20" in label("--price-in", 100, "--price-out", 1000).output
    result = label("--price-in", 1)
    assert "expected --price-in and --price-out together" in str(result.exception)


def test_text_as_the_paper_has_it_and_without_names(server, label, out, tmp_path):
    names = tmp_path / "names.txt"
    names.write_text("Roger Federer\n\n")
    server.answer = lambda asked: json.dumps(GOOD | {"evidence_win": ["Federer is sure of his victory"]})
    label("--names", names)
    assert not {"Federer", "victory"} & set(lines(out)["0001"]["text"].split())
    subjects = tmp_path / "labels.csv"
    subjects.write_text("id,subject,label\n0001,Roger Federer,win\n0002,17,loss\n")
    label("--names", subjects)
    assert "Federer" not in lines(out)["0001"]["text"]
    label("--text", "paper")
    assert "Federer is sure of his victory" in lines(out)["0001"]["text"]
    assert len(server.of("generate")) == 4


def test_corrections_stay_in_the_sheet(server, label, out):
    server.faults["generate"].append(Fault(response={}))
    label()
    path = out / "audit.csv"
    rows = sheet(out)
    rows[1]["corrected"], rows[1]["note"] = "loss", "seen it"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    label("--retry-failed")
    assert [(row["label"], row["corrected"]) for row in sheet(out)][:2] == [("win", ""), ("win", "loss")]
    assert sheet(out)[1]["note"] == "seen it"
