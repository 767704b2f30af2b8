"""stream.watch as a loop: left in any way, slow, refused, broken; nothing stays behind."""

import gc
import itertools
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stream import UndertoneError, watch
from stream.runtime import watching
from stream.runtime.announcer import Settings


def left_over() -> list[str]:
    """Threads and decoder processes of streams that should be gone."""
    names = [t.name for t in threading.enumerate() if t.name in ("watch", "pulse", "slow lane")]
    children = Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text().split()
    commands = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children]
    return [*names, *(c.decode() for c in commands if b"decoder" in c)]


@pytest.mark.slow
@pytest.mark.usefixtures("holistic_files")
def test_a_loop_over_a_source() -> None:
    messages = list(itertools.islice(watch("demo", pace="fast", hop=5), 12))
    assert [m.seq for m in messages] == list(range(1, 13))
    assert messages[-1].win is not None
    assert messages[0].source == "demo"


@pytest.mark.slow
@pytest.mark.usefixtures("holistic_files")
@pytest.mark.parametrize("way", ["break", "raise", "close", "forget"])
def test_leaving_the_loop_closes_everything(way: str) -> None:
    def leave() -> None:
        messages = watch("pattern", for_s=60)
        for _ in messages:
            if way == "raise":
                raise KeyError("somebody's own")
            if way == "close":
                messages.close()
            break

    if way == "raise":
        with pytest.raises(KeyError):
            leave()
    else:
        leave()
    gc.collect()
    give_up = time.monotonic() + 20
    while left_over() and time.monotonic() < give_up:
        time.sleep(0.05)
    assert not left_over()


@pytest.mark.slow
@pytest.mark.usefixtures("holistic_files")
def test_a_slow_loop_at_live_pace_misses_the_oldest_and_loses_none_at_fast_pace() -> None:
    seen = []
    for message in watch("pattern", for_s=30, hop=1, mode="full"):
        seen.append(message.seq)
        if len(seen) == 3:
            time.sleep(4.0)
        if len(seen) == 8:
            break
    assert all(b > a for a, b in itertools.pairwise(seen))


@pytest.mark.slow
def test_what_cannot_be_used_is_refused_at_once() -> None:
    for source, options in (("nowhere.mp4", {}), ("demo", {"mode": "odd"}), ("demo", {"pace": "slow"})):
        with pytest.raises(UndertoneError, match=r"expected|there is no such"):
            watch(source, **options)  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.usefixtures("holistic_files")
def test_a_source_that_breaks_raises_from_the_loop(tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"\0" * 4096)
    with pytest.raises(UndertoneError, match=r"broken\.mp4"):
        list(watch(str(broken)))


class SessionStandIn:
    """Says what it is given, then ends or breaks; ``stop`` is noticed between messages."""

    def __init__(self, *parts: object, on_message: Callable[[Any], None]) -> None:
        self.tell, self.stopped = on_message, threading.Event()
        self.count, self.said, self.error = parts[1], 0, parts[2]

    def run(self) -> None:
        while self.said < self.count and not self.stopped.is_set():
            self.said += 1
            self.tell(self.said)
        if self.error is not None:
            raise self.error()

    def stop(self) -> None:
        self.stopped.set()


def running(monkeypatch: pytest.MonkeyPatch, pace: Any, count: int, error: Any = None) -> watching._Running:
    monkeypatch.setattr(watching, "Session", SessionStandIn)
    started = watching._Running(Settings("x", pace, 5), count, error, None)  # type: ignore[arg-type]
    started.start()
    return started


def test_at_fast_pace_the_stream_waits_for_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = running(monkeypatch, "fast", 60)
    time.sleep(0.3)
    assert stream._session.said <= 3
    assert list(iter(stream.next, None)) == list(range(1, 61))
    stream.close()


def test_at_live_pace_the_newest_messages_wait_and_the_end_is_among_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream = running(monkeypatch, "live", 25)
    deadline = time.monotonic() + 20
    while stream._session.said < 25:
        assert time.monotonic() < deadline, "a loop that does not read held the stream up"
        time.sleep(0.01)
    seen = list(iter(stream.next, None))
    assert seen[-1] == 25
    assert seen == sorted(set(seen))
    assert len(seen) <= watching.WAITING + 1
    stream.close()


@pytest.mark.parametrize("pace", ["live", "fast"])
def test_a_loop_that_is_left_lets_the_stream_end(monkeypatch: pytest.MonkeyPatch, pace: str) -> None:
    stream = running(monkeypatch, pace, 10**9)
    assert stream.next() is not None
    stream.close()
    assert not stream._thread.is_alive()


def test_what_broke_is_raised_after_the_last_message(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = running(monkeypatch, "fast", 2, KeyError)
    assert list(iter(stream.next, None)) == [1, 2]
    stream.close()
    with pytest.raises(KeyError):
        stream.raise_failure()
