"""What the README says of the demo: the confidence follows what the made-up person does."""

import itertools
import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent


def watch_demo(*more: str) -> list[dict]:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "stream",
            "watch",
            "demo",
            "--pace",
            "fast",
            "--json",
            "--publish",
            "tcp://127.0.0.1:*",
            *more,
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    assert "no real-world meaning" in done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def messages(holistic_files: Path) -> list[dict]:
    return watch_demo()


def win_at(messages: list[dict], seconds: float) -> float:
    """The last confidence that rests on the first ``seconds`` of the clip."""
    return [m for m in messages if m["pts"] < seconds][-1]["win"]


def test_it_plays_ninety_seconds_with_an_update_a_second(messages: list[dict]) -> None:
    pts = [m["pts"] for m in messages]
    assert pts[-1] - pts[0] == pytest.approx(89, abs=1.5)
    assert max(b - a for a, b in itertools.pairwise(pts)) <= 1.0 + 1e-6


def test_loss_at_thirty_seconds_win_at_ninety(messages: list[dict]) -> None:
    assert win_at(messages, 30) <= 0.40
    assert messages[-1]["win"] >= 0.60
    assert messages[-1]["state"] == "ok"


def test_the_ring_is_what_runs_unless_asked_otherwise(messages: list[dict]) -> None:
    assert {m["mode"] for m in messages} == {"ring"}


@pytest.mark.timeout(400)
def test_full_mode_says_the_same_of_it(holistic_files: Path) -> None:
    full = watch_demo("--mode", "full")
    assert {m["mode"] for m in full} == {"full"}
    assert win_at(full, 30) <= 0.40
    assert full[-1]["win"] >= 0.60


def test_warming_comes_before_ok(messages: list[dict]) -> None:
    states = [m["state"] for m in messages]
    assert states[0] == "warming"
    assert set(states) == {"warming", "ok"}
    assert states == sorted(states, key=["warming", "ok"].index)


def test_windows_fill_as_time_passes(messages: list[dict]) -> None:
    last = messages[-1]["window"]
    assert last["keypoints"] == pytest.approx(2250 / 4000, abs=0.001)
    assert last["features"] == pytest.approx(450 / 800, abs=0.002)
    assert last["coverage"] > 0.98


@pytest.mark.timeout(400)
def test_a_second_run_says_the_same(messages: list[dict]) -> None:
    assert [m["win"] for m in watch_demo()] == [m["win"] for m in messages]
