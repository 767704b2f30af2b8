"""The session: order, heartbeats, staleness and shutdown, with a made-up source and analyzer."""

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from stream.errors import SourceError
from stream.live import Session, Settings, live_hop
from stream.records import Estimate, Frame, Observation, Portrait, WindowFigures
from stream.wire import Confidence, Event, Health, Message

PICTURE = np.zeros((4, 4, 3), np.uint8)


class Feed:
    """A capture of ``n`` frames, ``interval_s`` apart; then it ends, breaks or falls silent."""

    def __init__(
        self, n: int, interval_s: float = 0.0, *, breaks: bool = False, silent_s: float = 0.0
    ) -> None:
        self.n, self.interval_s, self.breaks = n, interval_s, breaks
        self.silent_until = time.monotonic() + n * interval_s + silent_s
        self.given = 0
        self.ended = self.closed = False
        self.child_pid = None
        self.counters: dict[str, Any] = {"dropped": {"newest_wins": 3}, "errors": 2, "stalls": 1}

    def open(self) -> None: ...

    def close(self) -> None:
        self.closed = True

    def next(self, timeout_s: float) -> Frame | None:
        if self.given < self.n:
            time.sleep(self.interval_s)
            self.given += 1
            return Frame(self.given - 1, (self.given - 1) / 25, time.monotonic(), PICTURE)
        if self.breaks:
            raise SourceError("the line is dead; call the operator")
        if time.monotonic() < self.silent_until:
            time.sleep(min(timeout_s, 0.05))
            return None
        self.ended = True
        return None


class Thinker:
    """An analyzer whose estimates take ``cost_s``; it records who called what from where."""

    def __init__(self, cost_s: float = 0.0, *, fails: bool = False, state: str = "ok") -> None:
        self.cost_s, self.fails, self.state = cost_s, fails, state
        self.bundle = SimpleNamespace(manifest=SimpleNamespace(name="made-up"))
        self.grid = SimpleNamespace(late=4)
        self.window = SimpleNamespace(intact=lambda tick: True)
        self.shed = 0
        self.seen: dict[int, Observation] = {}
        self.estimated: list[int] = []
        self.threads: set[str] = set()

    def observe(self, frame: Frame) -> Observation:
        portrait = Portrait((0, 0, 1, 1), 1.0, cut=frame.index == 2)
        self.seen[frame.index] = Observation(
            frame.index, frame.pts, frame.captured, portrait, None, {"pose": 1.0}
        )
        return self.seen[frame.index]

    def encode_waiting(self, tick: int) -> int:
        return 0

    def estimate(self, tick: int) -> Estimate:
        self.threads.add(threading.current_thread().name)
        if self.fails:
            raise RuntimeError("a bug")
        time.sleep(self.cost_s)
        self.estimated.append(tick)
        seen = self.seen[tick]
        estimate = Estimate(
            tick,
            seen.pts,
            seen.captured,
            0.6,
            "ok",
            None,
            {"keypoints": 0.6},
            WindowFigures(0.1, 0.1, 1, 0, 9),
        )
        return replace(estimate, state=self.state)  # type: ignore[arg-type]


class Wall:
    """A publisher that keeps what it is given."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.at: list[float] = []

    def publish(self, message: Message) -> None:
        self.messages.append(message)
        self.at.append(time.monotonic())

    def of(self, kind: type) -> list[Any]:
        return [m for m in self.messages if isinstance(m, kind)]


def session(feed: Feed, thinker: Thinker, **settings: Any) -> tuple[Session, Wall]:
    wall = Wall()
    chosen = Settings(**{"source": "feed", "pace": "fast", "hop": 10, **settings})
    return Session(chosen, thinker, lambda: feed, wall), wall  # type: ignore[arg-type,return-value]


def test_fast_pace_estimates_every_hop_and_at_the_end() -> None:
    feed, thinker = Feed(47), Thinker()
    run, wall = session(feed, thinker)
    run.run()
    assert thinker.estimated == [9, 19, 29, 39, 46]
    assert thinker.threads == {"MainThread"}
    assert [m.seq for m in wall.of(Confidence)] == [1, 2, 3, 4, 5]
    assert feed.closed


def test_health_counts_what_the_parts_counted() -> None:
    run, wall = session(Feed(30), Thinker())
    run.run()
    last: Health = wall.of(Health)[-1]
    assert last.dropped == {"newest_wins": 3, "undecodable": 2, "portraits": 0}
    assert (last.stalls, last.late, last.hop, last.mode) == (1, 4, 10, "full")
    assert set(last.stages_ms) >= {"pose", "observe", "estimate"}


def test_events_tell_the_cut_the_change_and_the_end() -> None:
    run, wall = session(Feed(30), Thinker(state="degraded"))
    run.run()
    events = [(e.event, e.pts) for e in wall.of(Event)]
    assert events == [("cut", 0.08), ("degraded", 0.36), ("end", 1.16)]


def test_a_slow_estimate_costs_no_frame_at_live_pace() -> None:
    feed, thinker = Feed(60, 0.01), Thinker(cost_s=0.2)
    run, wall = session(feed, thinker, pace="live")
    run.run()
    assert len(thinker.seen) == 60
    assert "slow lane" in thinker.threads
    assert len(thinker.estimated) < 6, "late estimates are skipped, not queued"
    assert thinker.estimated == sorted(set(thinker.estimated))
    assert thinker.estimated[-1] == 59
    sequence = [m.seq for m in wall.of(Confidence)]
    assert sequence == sorted(set(sequence))


def test_silence_becomes_stale_with_a_message_a_second() -> None:
    feed, thinker = Feed(15, 0.01, silent_s=4.2), Thinker()
    run, wall = session(feed, thinker, pace="live")
    run.run()
    at = [t for t, m in zip(wall.at, wall.messages, strict=True) if isinstance(m, Confidence)]
    assert max(b - a for a, b in itertools.pairwise(at)) < 1.4
    states = [m.state for m in wall.of(Confidence)]
    assert states[0] == "ok"
    assert "stale" in states
    assert "ok" not in states[states.index("stale") :]
    stale = next(m for m in wall.of(Confidence) if m.state == "stale")
    assert stale.reason is not None
    assert stale.age_ms is not None
    assert stale.age_ms > 2000
    assert ("stale") in [e.event for e in wall.of(Event)]
    assert len(wall.of(Health)) >= 4


def test_a_source_that_breaks_is_raised_after_everything_was_said() -> None:
    feed, thinker = Feed(25, breaks=True), Thinker()
    run, wall = session(feed, thinker)
    with pytest.raises(SourceError, match="the line is dead"):
        run.run()
    assert thinker.estimated[-1] == 24
    assert wall.of(Event)[-1].detail == {"reason": "the line is dead; call the operator"}
    assert feed.closed


@pytest.mark.parametrize("pace", ["live", "fast"])
def test_a_bug_in_a_lane_ends_the_run(pace: str) -> None:
    feed = Feed(400, 0.005)
    run, _ = session(feed, Thinker(fails=True), pace=pace)
    with pytest.raises(RuntimeError, match="a bug"):
        run.run()
    assert feed.closed
    assert feed.given < 400


def test_stop_and_for_end_the_run() -> None:
    feed = Feed(10_000, 0.005)
    run, wall = session(feed, Thinker(), for_s=0.3)
    run.run()
    assert 10 < feed.given < 200
    assert wall.of(Event)[-1].event == "end"
    feed = Feed(10_000, 0.005)
    run, _ = session(feed, Thinker())
    threading.Timer(0.2, run.stop).start()
    run.run()
    assert feed.given < 200


def test_wait_asks_again_until_the_source_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stream.live.RETRY_S", 0.01)

    class Refused(Feed):
        def open(self) -> None:
            raise SourceError("refused")

    feeds: Iterator[Feed] = iter([Refused(0), Refused(0), Feed(12)])
    new: Callable[[], Feed] = lambda: next(feeds)  # noqa: E731 - typed on purpose
    wall, thinker = Wall(), Thinker()
    Session(Settings("feed", "fast", 10, wait=True), thinker, new, wall).run()  # type: ignore[arg-type]
    assert thinker.estimated == [9, 11]
    with pytest.raises(SourceError, match="refused"):
        Session(Settings("feed", "fast", 10), Thinker(), lambda: Refused(0), Wall()).run()  # type: ignore[arg-type,return-value]


def test_live_hop_leaves_room_for_the_fast_lane() -> None:
    assert live_hop(20, 0.1, 25.0) == 20
    assert live_hop(20, 0.6, 25.0) == 25
    assert live_hop(5, 1.21, 25.0) == 55
