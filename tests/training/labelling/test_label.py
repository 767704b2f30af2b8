"""``undertone-training label`` against a stand-in of the service."""

import io
import json
import logging
import os
import re
import subprocess
import sys

import av
import pytest
from gemini_server import GOOD, KEY, Fault
from label_command import IDS, kept, lines, sheet
from rich.progress import Progress

from stream.describing.labellers.answer import Answer
from stream.describing.rendering import render
from stream.errors import DescriptionDenied, UsageError
from training.cli import label as commands

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


def test_a_dry_run_sends_nothing_and_needs_no_key(server, label, out, monkeypatch):
    monkeypatch.delenv("GOOGLE_API_KEY")
    result = label("--dry-run", "--fps", 8, "--price-in", 2, "--price-out", 10, yes=False)
    assert result.exit_code == 0
    assert "4 videos, 0 without a request\n4 requests, about " in result.output
    assert re.search(r"up to [1-9][\d.]+ kB to 127\.0\.0\.1\n", result.output)
    tokens_in, tokens_out = map(int, re.search(r"about (\d+) tokens in.* (\d+) out", result.output).groups())
    assert tokens_out == 4 * 4000
    assert f"cost about {(2 * tokens_in + 10 * tokens_out) / 1e6:.2f}, answers included" in result.output
    assert (server.asked, out.exists()) == ([], False)


def test_without_leave_nothing_is_sent(server, label, out, monkeypatch):
    result = label(yes=False)
    assert isinstance(result.exception, UsageError)
    assert "add --yes" in str(result.exception)
    monkeypatch.setattr(commands, "_terminal", lambda: True)
    monkeypatch.setattr("typer.confirm", lambda question, **_: asked.append(question))
    asked = []
    result = label(yes=False)
    assert result.exit_code == 1
    assert "nothing was sent" in result.output
    assert (server.asked, out.exists()) == ([], False)
    assert re.match(
        r"4 videos, up to [1-9][\d.]+ kB, go to Google's Gemini \(127\.0\.0\.1\), without their sound; .* "
        r"About \d+ tokens in and 16000 out\. Go on\?$",
        asked[0],
    )


def test_with_leave_it_goes_on(server, label, monkeypatch):
    monkeypatch.setattr(commands, "_terminal", lambda: True)
    monkeypatch.setattr("typer.confirm", lambda question, **_: True)
    assert label(yes=False).exit_code == 0
    assert len(server.of("generate")) == 4


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


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--provider", "nobody"), "expected --provider gemini or a file of answers, found nobody"),
        (("--text", "loud"), "expected --text guarded or paper, found loud"),
        (("--fps", 30), "expected fps above 0 and up to 24, found 30"),
        (("--resolution", "high"), "expected a resolution of low or medium"),
        (("--prompt", "other"), "expected a prompt"),
        (("--names", "nowhere.txt"), "expected names, one a line, found no readable file"),
    ],
)
def test_what_cannot_be_meant_is_one_sentence(server, label, options, words):
    result = label(*options)
    assert isinstance(result.exception, UsageError)
    assert words in str(result.exception)
    assert server.asked == []


def test_no_key_is_one_sentence_and_nobody_is_asked_for_leave(server, label, out, monkeypatch):
    monkeypatch.delenv("GOOGLE_API_KEY")
    monkeypatch.setattr(commands, "_ask", lambda question: pytest.fail("asked in vain"))
    for yes in (True, False):
        assert "expected a key in GOOGLE_API_KEY" in str(label(yes=yes).exception)
    assert not out.exists()


def test_a_folder_without_videos_leaves_nothing_behind(server, label, out, tmp_path):
    for folder in (tmp_path / "nowhere", tmp_path):
        assert isinstance(label(folder=folder).exception, UsageError)
    assert not out.exists()
    out.write_text("a file")
    assert "expected a folder, found a file; choose another --out" in str(label().exception)


def test_without_the_extra_it_is_one_sentence(films, out):
    code = (
        "import sys\n"
        "sys.modules['google.genai'] = None\n"
        f"sys.argv = ['undertone-training', 'label', {str(films)!r}, '--out', {str(out)!r}, '--yes']\n"
        "from training.__main__ import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "install Undertone with its extra `gemini`" in done.stderr
