"""Pace live: newest wins, what is skipped is counted, the child never waits."""

import itertools
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from stream.capture.capture import Capture
from stream.capture.decoding.pattern import read_number as read_pattern
from stream.capture.frame_reader import BACKLOG
from stream.capture.progress import STALL_S
from stream.capture.source import Source
from stream.records import Frame

pytestmark = pytest.mark.slow


def drain(capture: Capture, pause_s: float = 0.0) -> list[Frame]:
    frames = []
    while not capture.ended:
        frame = capture.next(1.0)
        if frame is not None:
            frames.append(frame)
            time.sleep(pause_s)
    return frames


def test_a_file_is_released_at_its_own_speed(make_video: Callable[..., Path], tmp_path: Path) -> None:
    path = make_video(tmp_path / "clip.mp4", count=25, rate=25)
    with Capture(Source.parse(str(path)), pace="live") as capture:
        capture.open()
        began = time.monotonic()
        frames = drain(capture)
        took = time.monotonic() - began
    assert 0.7 < took < 2.5
    for a, b in itertools.pairwise(frames):  # captured is when it was due, so it steps with pts
        assert b.captured - a.captured == pytest.approx(b.pts - a.pts, abs=1e-6)
    assert frames[0].captured <= began + 0.01


@pytest.mark.parametrize("pause_s", [0.1, 0.3])
def test_a_slow_reader_gets_the_newest_and_every_loss_is_counted(
    pause_s: float, make_video: Callable[..., Path], read_number: Callable[..., int], tmp_path: Path
) -> None:
    path = make_video(tmp_path / "clip.mp4", count=50, rate=50)
    with Capture(Source.parse(str(path)), pace="live") as capture:
        capture.open()
        frames = drain(capture, pause_s)
        counters = capture.counters
    assert counters["decoded"] == 50
    assert counters["taken"] == len(frames)
    assert counters["decoded"] == counters["taken"] + sum(counters["dropped"].values())
    assert counters["dropped"]["newest_wins"] > 10
    assert [read_number(frame.image) for frame in frames] == [frame.index for frame in frames]
    assert all(a.index < b.index for a, b in itertools.pairwise(frames))
    assert not any(frame.discontinuity for frame in frames)  # frames are missing, the clock did not jump


def test_a_hiccup_costs_no_frame() -> None:
    with Capture(Source.parse("pattern"), pace="live") as capture:
        capture.open()
        while capture.next(0.0) is not None:
            pass
        for _ in range(250):  # until the machine gives us a pause of the length we asked for
            before = sum(capture.counters["dropped"].values())
            assert capture.next(1.0) is not None
            began = time.monotonic()
            time.sleep(BACKLOG * 0.04)
            seen = [capture.next(1.0) for _ in range(BACKLOG + 1)]
            if time.monotonic() - began < (BACKLOG + 1.5) * 0.04:
                break
        else:
            pytest.fail("expected one pause of 80 ms in half a minute, found this machine too busy")
        assert all(seen)
        assert sum(capture.counters["dropped"].values()) == before


def test_after_a_pause_the_next_frame_is_fresh() -> None:
    with Capture(Source.parse("pattern"), pace="live") as capture:
        capture.open()
        assert capture.next(1.0) is not None
        time.sleep(1.0)
        frame = capture.next(1.0)
        assert frame is not None
        assert read_pattern(frame.image) == frame.index >= 10
        assert time.monotonic() - frame.captured < 0.5
        assert sum(capture.counters["dropped"].values()) == frame.index - 1


def test_a_skipped_discontinuity_marks_the_next_frame(
    make_video: Callable[..., Path], tmp_path: Path
) -> None:
    parts = [make_video(tmp_path / f"{i}.ts", count=25, size=(160 * i, 96 * i)).read_bytes() for i in (1, 2)]
    (tmp_path / "joined.ts").write_bytes(b"".join(parts))
    with Capture(Source.parse(str(tmp_path / "joined.ts")), pace="live") as capture:
        capture.open()
        assert capture.next(1.0) is not None
        time.sleep(1.4)  # over the join
        frame = capture.next(1.0)
        assert frame is not None
        assert frame.discontinuity
        assert frame.index > 25
        assert frame.image.shape == (192, 320, 3)
        after = capture.next(1.0)
        assert after is not None
        assert not after.discontinuity


def test_nothing_yet_is_none_in_time() -> None:
    with Capture(Source.parse("pattern"), pace="live") as capture:
        capture.open()
        assert capture.child_pid is not None
        os.kill(capture.child_pid, signal.SIGSTOP)
        while capture.next(0.0) is not None:
            pass
        began = time.monotonic()
        assert capture.next(0.2) is None
        assert 0.2 <= time.monotonic() - began < 1.0
        assert not capture.ended
        os.kill(capture.child_pid, signal.SIGCONT)
        assert capture.next(2.0) is not None


def test_a_wait_that_is_long_but_not_too_long_is_a_stall() -> None:
    with Capture(Source.parse("pattern"), pace="live", read_timeout_s=20) as capture:
        capture.open()
        assert capture.child_pid is not None
        os.kill(capture.child_pid, signal.SIGSTOP)
        deadline = time.monotonic() + STALL_S + 1.0
        while time.monotonic() < deadline:
            capture.next(0.1)
        assert capture.counters["stalls"] == 1
        os.kill(capture.child_pid, signal.SIGCONT)
        assert capture.next(2.0) is not None
        assert capture.counters["stalls"] == 1
