"""``undertone-training label`` against a stand-in of the service."""

import io
import json
import logging

import av
import pytest
from gemini_server import GOOD, KEY, Fault
from label_command import IDS, kept, lines, sheet
from rich.progress import Progress

from stream.describing.labellers.answer import Answer
from stream.describing.rendering import render
from stream.errors import DescriptionDenied, UsageError

pytestmark = pytest.mark.slow


def test_every_video_becomes_a_line_and_a_row(server, label, out):
    result = label("--workers", 3)
    assert result.exit_code == 0, result.exception
    text = render(Answer.model_validate(GOOD))
    assert lines(out) == {id: {"id": id, "win": 0.7, "text": text} for id in IDS}
    assert [(row["id"], row["label"], row["corrected"]) for row in sheet(out)] == [
        (id, "win", "") for id in IDS
    ]
    assert (
        "4 videos: 4 answered, 0 failed, 0 not asked yet; 4 requests, 4000 tokens in, 800 out"
        in result.output
    )
    assert [answer["raw"] for answer in kept(out)] == [json.dumps(GOOD)] * 4
    assert server.files == {}
    assert json.loads((out / "uploads.json").read_text()) == {}
    assert not (out / ".muted").exists()


def test_what_is_sent_has_no_sound_no_title_and_no_name(server, label, films):
    (films / "0001.mp4").rename(films / "nadal-beats-federer.mp4")
    label()
    assert len(server.contents) == 4
    for content in server.contents.values():
        assert b"who won" not in content
        with av.open(io.BytesIO(content)) as given:
            assert [stream.type for stream in given.streams] == ["video"]
            assert sum(1 for _ in given.decode(video=0)) == 8
    assert "nadal" not in repr([(a.path, a.headers, a.body) for a in server.asked])


def test_the_key_is_in_no_file_and_no_word(server, label, out, caplog):
    caplog.set_level(logging.DEBUG)
    server.faults["generate"].extend(
        [Fault(500), Fault(answer="no"), Fault(answer="no"), Fault(401, f"no {KEY}")]
    )
    result = label()
    assert isinstance(result.exception, DescriptionDenied)
    told = [result.output, repr(result.exception), caplog.text]
    told += [path.read_text(errors="replace") for path in out.rglob("*") if path.is_file()]
    assert "generateContent" in caplog.text
    assert len(told) > 5
    assert not [text for text in told if KEY in text]


def test_run_again_nothing_is_asked_and_no_key_is_needed(server, label, out, monkeypatch):
    label()
    asked, before = len(server.asked), lines(out)
    monkeypatch.delenv("GOOGLE_API_KEY")
    result = label(yes=False)
    assert result.exit_code == 0
    assert "0 requests" in result.output
    assert (len(server.asked), lines(out)) == (asked, before)


def test_the_bar_counts_what_is_done(server, label, films, monkeypatch):
    """Of the same content twice both, of a video without an answer none."""
    (films / "0009.mp4").write_bytes((films / "0002.mp4").read_bytes())
    told = []
    monkeypatch.setattr(Progress, "add_task", lambda self, name, **given: told.append(given["completed"]))
    monkeypatch.setattr(Progress, "update", lambda self, task, advance, spent: told.append(advance))
    server.faults["generate"].extend([Fault(response={"candidates": []}), *[Fault(503)] * 5])
    label()
    assert told == [0, 1, 0, 1, 1]
    del told[:]
    assert label().exit_code == 0
    assert told == [3, 2]


def test_what_was_spent_and_does_not_read_is_one_sentence(server, label, out):
    out.mkdir()
    (out / "spent.json").write_text("much")
    assert "expected what was spent so far, found none that reads" in str(label().exception)
    assert server.asked == []


def test_a_sheet_that_does_not_read_is_found_before_anything_is_asked(server, label, out):
    out.mkdir()
    (out / "audit.csv").write_text("nonsense\n")
    assert isinstance(label().exception, UsageError)
    assert server.asked == []


def test_answers_made_elsewhere(server, label, out, tmp_path, monkeypatch):
    monkeypatch.delenv("GOOGLE_API_KEY")
    answers = tmp_path / "answers.jsonl"
    told = [{"id": id, "raw": GOOD | {"confidence_win": 10.0}} for id in IDS[:2]]
    answers.write_text("\n".join(map(json.dumps, told)))
    result = label("--provider", answers, yes=False)
    assert result.exit_code == 0
    assert [line["win"] for line in lines(out).values()] == [0.25, 0.25, None, None]
    assert "2 answered, 2 failed" in result.output
    assert "found none; add a line" in sheet(out)[2]["failed"]
    others = [{"id": "0017", "raw": GOOD}, {"sha256": "ab" * 32, "raw": GOOD}]
    answers.write_text("\n".join(map(json.dumps, told + others)))
    dry = label("--provider", answers, "--dry-run").output
    assert dry == "4 videos, 0 without a request\n4 to be read from the file of answers; nothing is sent\n"
    said = label("--provider", answers, yes=False).output
    assert f"warning: 2 answers are of no video here (0017, {'ab' * 32})" in said
    told += [{"id": id, "raw": GOOD} for id in IDS[2:]]
    answers.write_text("\n".join(map(json.dumps, told)))
    label("--provider", answers, yes=False)
    assert [line["win"] for line in lines(out).values()] == [0.25, 0.25, 0.7, 0.7]
    assert server.asked == []


def test_a_folder_without_videos_leaves_nothing_behind(server, label, out, tmp_path):
    for folder in (tmp_path / "nowhere", tmp_path):
        assert isinstance(label(folder=folder).exception, UsageError)
    assert not out.exists()
    out.write_text("a file")
    assert "expected a folder, found a file; choose another --out" in str(label().exception)
