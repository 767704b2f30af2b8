"""One video's failure stops no other; a denial, a budget or a service that is down stops the run cleanly."""

import errno
import json
import re

import pytest
from gemini_server import GOOD, KEY, Fault, response
from label_command import IDS, kept, lines, sheet

from stream.errors import DescriptionDenied, DescriptionError, DescriptionUnavailable, UsageError
from stream.files import replace_with
from training.labelling import cache
from training.labelling.run import exclusive

pytestmark = pytest.mark.slow


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
            r"reasons, and run the same command with --retry-failed to retry\.$",
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


def test_a_denial_is_reported_once(server, label, capfd):
    server.faults["generate"].extend([Fault(403, "The caller does not have permission")] * 4)
    result = label("--workers", 4)
    assert isinstance(result.exception, DescriptionDenied)
    assert "does not have permission" not in result.output + "".join(capfd.readouterr())


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
    assert "stopped at the budget of 3 requests; run it with a larger one to continue" in result.output
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


def test_a_budget_of_tokens_stops_before_it_is_passed(server, label, out):
    # A film is 4 pictures of 64 tokens and the prompt; an answer took 1200 in all.
    result = label("--max-tokens", 4000)
    assert result.exit_code == 3
    answered = [line["win"] for line in lines(out).values()].count(0.7)
    assert 1 <= answered == len(server.of("generate")) <= 3
    assert label().exit_code == 0
    assert len(server.of("generate")) == 4


def test_a_budget_of_tokens_holds_without_the_service_counting(server, label, out):
    uncounted = {k: v for k, v in response(json.dumps(GOOD)).items() if k != "usageMetadata"}
    server.faults["generate"].extend([Fault(response=uncounted)] * 4)
    result = label("--max-tokens", 9000)  # an answer is taken to be 4000, before there are any
    assert result.exit_code == 3
    asked = len(server.of("generate"))
    assert 1 <= asked < 4
    assert f"warning: {asked} replies came without token counts; theirs are estimated" in result.output
    spent = json.loads((out / "spent.json").read_text())
    assert spent["estimated"] == spent["requests"] == asked
    assert spent["tokens_out"] == 4000 * asked
    assert spent["tokens_in"] > 4 * 64 * asked


def test_a_budget_of_nothing_sends_nothing(server, label):
    assert label("--max-requests", 0).exit_code == 3
    assert server.asked == []


def test_no_video_leaves_that_the_budget_could_not_ask_about(server, label, out):
    assert label("--max-requests", 2, "--workers", 4).exit_code == 3
    assert len(server.of("start")) == len(server.of("generate")) == 2
    assert [line["win"] for line in lines(out).values()].count(0.7) == 2


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
    with exclusive(out):
        assert "expected a folder that no other run uses" in str(label().exception)
    assert label().exit_code == 0
