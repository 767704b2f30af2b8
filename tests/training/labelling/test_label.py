"""``undertone-training label`` against a stand-in of the service."""

import csv
import errno
import io
import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator

import av
import pytest
from gemini_server import GOOD, KEY, Fault
from rich.progress import Progress
from typer.testing import CliRunner

from stream.describing.labellers.answer import Answer
from stream.describing.rendering import render
from stream.errors import DescriptionDenied, DescriptionError, DescriptionUnavailable, UsageError
from stream.files import replace_with
from training.__main__ import app
from training.cli import label as commands
from training.labelling import cache, labels
from training.labelling.budget import Budget
from training.labelling.run import alone

pytestmark = pytest.mark.slow

IDS = ["0001", "0002", "0003", "0004"]
RUNNER = CliRunner()


@pytest.fixture(autouse=True)
def server(gemini_server, monkeypatch):
    """Nobody waits here, and a file is ready at once."""
    monkeypatch.setattr(Budget, "sleep", lambda self, seconds: None)
    gemini_server.polls = 0
    return gemini_server


@pytest.fixture
def out(tmp_path):
    return tmp_path / "said"


@pytest.fixture
def label(films, out):
    """Runs the command on four films, one at a time, and returns its result."""

    def run(*options, folder=films, yes=True):
        arguments = ["label", str(folder), "--out", str(out), "--workers", "1", *map(str, options)]
        return RUNNER.invoke(app, [*arguments, *(["--yes"] if yes else [])])

    return run


def lines(out) -> dict[str, dict]:
    return {line["id"]: line for line in map(json.loads, (out / "labels.jsonl").read_text().splitlines())}


def sheet(out) -> list[dict]:
    return list(csv.DictReader(io.StringIO((out / "audit.csv").read_text(encoding="utf-8-sig"))))


def kept(out) -> Iterator[dict]:
    return (json.loads(path.read_bytes()) for path in sorted((out / "answers").iterdir()))


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


def test_one_more_video_is_one_more_request(server, label, films, out):
    late = (films / "0003.mp4").rename(films.parent / "late.mp4")
    label()
    late.rename(films / "0003.mp4")
    label()
    assert len(server.of("generate")) == 4
    assert list(lines(out)) == IDS


def test_the_same_content_is_asked_about_once(server, label, films, out):
    (films / "0009.mp4").write_bytes((films / "0002.mp4").read_bytes())
    label("--workers", 4)
    assert len(server.of("generate")) == 4
    assert lines(out)["0009"]["win"] == 0.7


@pytest.mark.parametrize(
    "change",
    [
        ("--model", "gemini-other"),
        ("--prompt", "plain"),
        ("--fps", 8),
        ("--resolution", "medium"),
        ("--seed", 3),
    ],
)
def test_whatever_may_change_an_answer_asks_again(server, label, change):
    server.answer = lambda asked: json.dumps(
        {name: GOOD[name] for name in asked.json()["generationConfig"]["responseJsonSchema"]["properties"]}
    )
    label()
    assert label(*change).exit_code == 0
    assert len(server.of("generate")) == 8


def test_an_edited_rule_asks_again(server, label, tmp_path):
    rules = tmp_path / "rules.toml"
    for rule in ("A blink is a blink.", "A blink is no more than that."):
        rules.write_text(f'[[rules]]\nrule = "{rule}"\nreason = "It is."\n')
        label("--rules", rules)
    assert len(server.of("generate")) == 8
    assert rule in server.of("generate")[-1].json()["contents"][0]["parts"][1]["text"]


def test_the_plain_prompt_leaves_texts_to_the_corpus(server, label, out):
    server.answer = lambda asked: '{"confidence_win": 20, "confidence_loss": 60}'
    label("--prompt", "plain")
    assert lines(out)["0001"] == {"id": "0001", "win": 0.25}


@pytest.mark.parametrize(
    ("faults", "reason", "requests"),
    [
        ([Fault(response={"promptFeedback": {"blockReason": "SAFETY"}})], "blocked (SAFETY)", 4),
        ([Fault(response={"candidates": []})], "nothing said", 4),
        ([Fault(answer="no"), Fault(answer="still no")], "Invalid JSON", 5),
        ([Fault(answer='{"winner": "A"}'), Fault(answer="{}")], "action_units", 5),
    ],
)
def test_one_video_that_fails_is_noted_and_stops_no_other(server, label, out, faults, reason, requests):
    server.faults["generate"].extend([Fault(), *faults])
    result = label()
    assert result.exit_code == 0
    assert len(server.of("generate")) == requests
    assert [line["win"] for line in lines(out).values()] == [0.7, None, 0.7, 0.7]
    assert lines(out)["0002"]["text"] is None
    assert "3 answered, 1 failed" in result.output
    assert reason in result.output
    (failed,) = (answer for answer in kept(out) if "failed" in answer)
    assert (failed["id"], reason in failed["failed"]) == ("0002", True)
    assert failed.get("raw") == (faults[-1].answer or None)
    assert server.files == {}


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


def test_what_failed_is_asked_again_only_on_demand(server, label, out):
    server.faults["generate"].append(Fault(response={"candidates": []}))
    label()
    said = label().output
    assert "failed: 0001: " in said
    assert "nothing said" in said
    assert len(server.of("generate")) == 4
    assert "4 answered, 0 failed" in label("--retry-failed").output
    assert len(server.of("generate")) == 5
    assert [line["win"] for line in lines(out).values()] == [0.7] * 4


def test_a_file_that_is_no_video_is_noted(server, label, films, out):
    (films / "0002.mp4").write_bytes(b"not a film")
    result = label()
    assert (result.exit_code, len(server.of("generate"))) == (0, 3)
    assert lines(out)["0002"] == {"id": "0002", "win": None, "text": None}
    assert "expected a video that can be copied without sound" in result.output


def test_videos_that_all_failed_are_no_success(server, label, out):
    """Also not when it is run again, and nobody is asked."""
    server.failing = True
    for _ in range(2):
        result = label()
        assert isinstance(result.exception, DescriptionError)
        assert re.search(
            r"expected an answer for one video at least, found none for all 4; see .*audit\.csv for the "
            r"reasons, and run the same command with --retry-failed to ask again\.$",
            str(result.exception),
        )
        assert "4 videos: 0 answered, 4 failed" in result.output
        assert server.of("generate") == []
        assert {line["win"] for line in lines(out).values()} == {None}
        assert all("no video stream" in row["failed"] for row in sheet(out))
    server.failing = False
    assert label("--retry-failed").exit_code == 0
    assert {row["failed"] for row in sheet(out)} == {""}


@pytest.mark.parametrize("kind", ["start", "generate"])
def test_a_video_that_is_not_accepted_stops_no_other(server, label, out, kind):
    long = "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576)."
    server.faults[kind].extend([Fault(), Fault(400, long)])
    result = label()
    assert result.exit_code == 0, result.exception
    assert [line["win"] for line in lines(out).values()] == [0.7, None, 0.7, 0.7]
    assert [long[:-1] in row["failed"] for row in sheet(out)] == [False, True, False, False]
    assert re.search(r"1 of 4 videos failed \(0002\); see \S*audit.csv .* --retry-failed", result.output)
    assert server.files == {}


def test_what_no_video_passes_is_not_tried_on_all(server, label, films):
    for number in range(5, 15):
        (films / f"{number:04}.mp4").write_bytes((films / "0001.mp4").read_bytes() + bytes(number))
    server.faults["generate"].extend([Fault(400, "Thinking is required.")] * 10)
    result = label()
    assert isinstance(result.exception, DescriptionDenied)
    assert "expected one of the first 10 videos to be accepted, found none (gemini: " in str(result.exception)
    assert len(server.of("start")) == 10
    assert label("--retry-failed").exit_code == 0


def test_a_denial_is_told_once(server, label, capfd):
    server.faults["generate"].extend([Fault(403, "The caller does not have permission")] * 4)
    result = label("--workers", 4)
    assert isinstance(result.exception, DescriptionDenied)
    assert "does not have permission" not in result.output + "".join(capfd.readouterr())


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


def test_a_wrong_key_stops_the_run_and_a_right_one_goes_on(server, label, out, monkeypatch):
    monkeypatch.setenv("GOOGLE_API_KEY", "AIza-mistyped")
    result = label()
    assert isinstance(result.exception, DescriptionDenied)
    assert len(server.of("start")) == 1
    assert "warning: 1 uploads may still lie with the service" in result.output
    assert {line["win"] for line in lines(out).values()} == {None}
    assert not (out / "answers").exists()
    monkeypatch.setenv("GOOGLE_API_KEY", KEY)
    assert label().exit_code == 0
    assert len(server.of("generate")) == 4
    assert (server.files, json.loads((out / "uploads.json").read_text())) == ({}, {})


def test_a_service_that_is_busy_once_costs_a_wait(server, label, out):
    server.faults["generate"].extend([Fault(429, headers={"Retry-After": "1"}), Fault(503)])
    assert "6 requests" in label().output
    assert [line["win"] for line in lines(out).values()] == [0.7] * 4


def test_a_video_asked_about_in_vain_is_left_for_the_next_run(server, label, out):
    server.faults["generate"].extend([Fault(503)] * 5)
    result = label()
    assert isinstance(result.exception, DescriptionUnavailable)
    assert "none for 1 (0001)" in str(result.exception)
    assert [line["win"] for line in lines(out).values()] == [None, 0.7, 0.7, 0.7]
    assert label().exit_code == 0
    assert len(server.of("generate")) == 5 + 3 + 1


def test_a_service_that_is_down_is_not_asked_for_ever(server, label, out):
    server.faults["start"].extend([Fault(503)] * 100)
    result = label()
    assert isinstance(result.exception, DescriptionUnavailable)
    assert len(server.of("start")) == 3 * 5
    assert list(lines(out)) == IDS


def test_a_budget_of_requests_stops_cleanly_and_the_next_run_goes_on(server, label, out):
    result = label("--max-requests", 3)
    assert result.exit_code == 3
    assert "stopped at the budget of 3 requests; run it with a larger one to go on" in result.output
    assert [line["win"] for line in lines(out).values()] == [0.7, 0.7, 0.7, None]
    assert server.files == {}
    assert label().exit_code == 0
    assert len(server.of("generate")) == 4


def test_a_budget_is_of_all_runs_together_and_of_what_came_to_nothing(server, label, out):
    server.faults["generate"].extend([Fault(answer="no"), Fault(answer="still no")])
    assert label("--max-requests", 3).exit_code == 3
    cost = {a["id"]: (a["requests"], a["tokens_in"], a["tokens_out"]) for a in kept(out)}
    assert cost == {"0001": (2, 2000, 400), "0002": (1, 1000, 200)}
    spent = {"requests": 3, "tokens_in": 3000, "tokens_out": 600}
    assert json.loads((out / "spent.json").read_text()) == spent
    for option, most, before in (("requests", 3, 3), ("tokens", 3600, 3600)):
        result = label(f"--max-{option}", most)
        assert result.exit_code == 3
        assert f"the budget of {most} {option}, {before} of them in earlier runs" in result.output
        assert len(server.of("generate")) == 3
    assert label("--max-requests", 4).exit_code == 3
    assert label("--max-requests", 5).exit_code == 0
    assert label("--max-requests", 5, "--retry-failed").exit_code == 3
    assert label("--retry-failed").exit_code == 0
    assert max(answer["requests"] for answer in kept(out)) == 3  # what had failed before counts too


def test_what_was_spent_and_does_not_read_is_one_sentence(server, label, out):
    out.mkdir()
    (out / "spent.json").write_text("much")
    assert "expected what was spent so far, found none that reads" in str(label().exception)
    assert server.asked == []


def test_a_budget_of_tokens_stops_before_it_is_passed(server, label, out):
    # A film is 4 pictures of 64 tokens and the prompt; an answer took 1200 in all.
    result = label("--max-tokens", 4000)
    assert result.exit_code == 3
    answered = [line["win"] for line in lines(out).values()].count(0.7)
    assert 1 <= answered == len(server.of("generate")) <= 3
    assert label().exit_code == 0
    assert len(server.of("generate")) == 4


def test_a_budget_of_nothing_sends_nothing(server, label):
    assert label("--max-requests", 0).exit_code == 3
    assert server.asked == []


def test_no_video_leaves_that_the_budget_could_not_ask_about(server, label, out):
    assert label("--max-requests", 2, "--workers", 4).exit_code == 3
    assert len(server.of("start")) == len(server.of("generate")) == 2
    assert [line["win"] for line in lines(out).values()].count(0.7) == 2


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


def test_a_dry_run_counts_pictures_and_prompt(server, label, tmp_path):
    prompt = tmp_path / "mine.md"
    prompt.write_text("<!-- answer: Verdict -->\n" + "word" * 1000)
    said = [label("--dry-run", "--prompt", prompt, "--resolution", r).output for r in ("low", "medium")]
    each = [4 * 64 + 1000, 4 * 256 + 1000]
    for text, tokens in zip(said, each, strict=True):
        assert f"4 requests, about {4 * tokens} tokens in, the largest about {tokens}, and 6000 out" in text


def test_a_dry_run_knows_what_is_kept(server, label):
    label("--max-requests", 3)
    said = label("--dry-run").output
    assert "4 videos, 3 without a request\n1 requests" in said
    assert "and 200 out (200 an answer, as in 3 kept ones)" in said


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


def test_another_model_than_the_one_asked_is_told(server, label, out):
    server.model = "gemini-3.8-flash-002"
    assert "warning" not in label().output
    server.model = "gemini-9"
    assert "warning: gemini-3.8-flash was asked, gemini-9 answered 4 times" in label("--seed", 1).output


def test_the_cost_is_told_where_prices_are(server, label):
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


def test_a_sheet_that_does_not_read_is_found_before_anything_is_asked(server, label, out):
    out.mkdir()
    (out / "audit.csv").write_text("nonsense\n")
    assert isinstance(label().exception, UsageError)
    assert server.asked == []


def test_a_full_disk_is_one_sentence_and_nothing_is_asked_twice(server, label, out, monkeypatch):
    def full(path, content):
        if len(list((out / "answers").glob("*.json"))) == 2 and path.parent.name == "answers":
            raise OSError(errno.ENOSPC, "No space left on device")
        replace_with(path, content)

    monkeypatch.setattr(cache, "replace_with", full)
    result = label()
    assert isinstance(result.exception, UsageError)
    assert "expected to write there, found No space left on device; make room" in str(result.exception)
    assert (len(server.of("generate")), server.files) == (3, {})
    monkeypatch.undo()
    monkeypatch.setenv("GOOGLE_API_KEY", server.key)
    monkeypatch.setenv("UNDERTONE_GEMINI_URL", server.url)
    assert label().exit_code == 0
    assert len(server.of("generate")) == 3 + 2


def test_only_one_run_at_a_time(server, label, out):
    with alone(out):
        assert "expected nobody else at work here" in str(label().exception)
    assert label().exit_code == 0


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
