"""A run that is killed loses nothing that was said, and what it left with the service is found."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from gemini_server import KEY, NEVER, Fault
from typer.testing import CliRunner

from training.__main__ import app

pytestmark = pytest.mark.slow

PATIENCE_S = 60.0


def until(condition, what):
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.02)


def start(films, out) -> subprocess.Popen:
    command = ["label", str(films), "--out", str(out), "--workers", "2", "--yes"]
    return subprocess.Popen(
        [sys.executable, "-m", "training", *command],
        env=dict(os.environ),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # Shells start what runs in the background with SIGINT ignored, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def command_lines() -> list[str]:
    told = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            told.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:  # ended meanwhile
            continue
    return told


def asked_about(server) -> Counter[bytes]:
    """Requests for an answer by the content of the video."""
    found = Counter()
    for asked in server.of("generate"):
        uri = asked.json()["contents"][0]["parts"][0]["fileData"]["file_uri"]
        found[server.contents["files/" + uri.rsplit("/", 1)[1]]] += 1
    return found


@pytest.mark.parametrize("kind", ["start", "upload", "generate"])
def test_killed_in_the_middle_nothing_is_lost_and_nothing_asked_twice(gemini_server, films, tmp_path, kind):
    server, out = gemini_server, tmp_path / "said"
    server.polls = 0
    # Two videos are done with; whatever the other two are about to do never ends.
    server.faults[kind].extend([Fault(), Fault(), Fault(delay_s=NEVER), Fault(delay_s=NEVER)])
    running = start(films, out)
    try:
        until(lambda: len(server.of(kind)) == 4, f"the fourth {kind}")
        until(lambda: len(list((out / "answers").glob("*.json"))) == 2, "two answers")
        until(lambda: len(server.of("delete")) == 2, "two files deleted")
        shown = command_lines()
    finally:
        running.send_signal(signal.SIGKILL)
        running.wait()
    assert any(str(out) in line for line in shown)
    assert not any(KEY in line for line in shown)
    known = json.loads((out / "uploads.json").read_text())
    assert len(known) == 2
    assert set(server.files) <= set(known.values())  # nothing lies there unknown
    answered = set(asked_about(server)) - {server.contents.get(name) for name in known.values()}
    assert len(answered) == 2

    result = CliRunner().invoke(app, ["label", str(films), "--out", str(out), "--workers", "2", "--yes"])
    assert result.exit_code == 0, result.exception
    assert "4 answered" in result.output
    assert [json.loads(line)["win"] for line in (out / "labels.jsonl").read_text().splitlines()] == [0.7] * 4
    times = asked_about(server)
    # The two that were never answered had to be asked about again; the others were not.
    assert {content: times[content] for content in answered} == dict.fromkeys(answered, 1)
    assert sorted(times.values()) == ([1, 1, 2, 2] if kind == "generate" else [1, 1, 1, 1])
    assert len(server.of("upload")) == (6 if kind == "upload" else 4)  # what had arrived was used
    assert server.files == {}
    assert json.loads((out / "uploads.json").read_text()) == {}
    assert not (out / ".muted").exists()


def test_what_a_killed_run_left_is_deleted_though_nothing_is_asked(gemini_server, films, tmp_path):
    server, out = gemini_server, tmp_path / "said"
    server.polls = 0
    # All is said, and the process ends before it can delete the last file.
    server.faults["delete"].extend([Fault(), Fault(), Fault(), Fault(delay_s=NEVER)])
    running = start(films, out)
    try:
        until(lambda: len(server.of("delete")) == 4, "the fourth file to go")
    finally:
        running.send_signal(signal.SIGKILL)
        running.wait()
    assert len(list((out / "answers").glob("*.json"))) == 4
    assert len(server.files) == 1
    assert CliRunner().invoke(app, ["label", str(films), "--out", str(out)]).exit_code == 0
    assert len(server.of("generate")) == 4
    assert server.files == {}


def test_an_interrupt_keeps_what_is_on_its_way(gemini_server, films, tmp_path):
    server, out = gemini_server, tmp_path / "said"
    server.polls = 0
    server.faults["generate"].extend([Fault(), Fault(), Fault(delay_s=3.0), Fault(delay_s=3.0)])
    (films / "0009.mp4").write_bytes((films / "0001.mp4").read_bytes() + bytes(8))  # a fifth, to be left
    running = start(films, out)
    try:
        until(lambda: len(server.of("generate")) == 4, "the fourth request")
        running.send_signal(signal.SIGINT)
        assert running.wait(PATIENCE_S) == 130
    finally:
        running.kill()
        running.wait()
    lines = [json.loads(line) for line in (out / "labels.jsonl").read_text().splitlines()]
    assert [line["win"] for line in lines] == [0.7] * 4 + [None]
    assert len(server.of("generate")) == 4
    assert server.files == {}
