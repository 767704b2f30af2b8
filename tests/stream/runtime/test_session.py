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

from stream.capture.capture import Capture
from stream.describing.labeller import LabellerThread
from stream.describing.labellers.provider import Clip, Reply, Sampling
from stream.describing.last_minute import LastMinute
from stream.describing.latest import Description, LatestDescription
from stream.describing.live_text import LiveText
from stream.errors import DescriptionUnavailable, SourceError
from stream.publish.wire import Confidence, Event, Health, Message
from stream.records import Estimate, Frame, Observation, Portrait, WindowFigures
from stream.runtime.announcer import Settings
from stream.runtime.session import Session

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
        self.counters: dict[str, Any] = {
            "dropped": {"newest_wins": 3},
            "errors": 2,
            "stalls": 1,
            "segments": 0,
        }

    info = None

    def open(self, stop: object) -> bool:
        return True

    def close(self) -> None:
        self.closed = True

    frames = Capture.frames

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
        self.late, self.shed = 4, 0
        self.seen: dict[int, Observation] = {}
        self.estimated: list[int] = []
        self.threads: set[str] = set()
        self.described: list[tuple[str, str, float, int | None]] = []

    def observe(self, frame: Frame) -> Observation:
        portrait = Portrait((0, 0, 1, 1), 1.0, cut=frame.index == 2)
        self.seen[frame.index] = Observation(
            frame.index, frame.pts, frame.captured, portrait, None, {"pose": 1.0}
        )
        return self.seen[frame.index]

    def describe(self, text: str, pts: float, scene: int | None = None) -> None:
        self.described.append((threading.current_thread().name, text, pts, scene))

    waiting = 0

    def relieve(self, level: int) -> None:
        self.level = level

    def keep_up(self, tick: int) -> None:
        """Nothing waits."""

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


def session(
    feed: Feed, thinker: Thinker, text: LiveText | None = None, **settings: Any
) -> tuple[Session, Wall]:
    wall = Wall()
    chosen = Settings(**{"source": "feed", "pace": "fast", "hop": 10, **settings})
    return Session(chosen, thinker, lambda: feed, wall, text=text), wall  # type: ignore[arg-type,return-value]


class Labeller:
    """A provider that answers when ``go`` is set; until then it is silent, or says that it is down."""

    name = "made-up"

    def __init__(self, go: threading.Event, *, down: bool = False) -> None:
        self.go, self.down = go, down
        self.asked = 0

    def describe(self, clip: Clip, prompt: Any, sampling: Sampling, keep: Any = None) -> Reply:
        self.asked += 1
        if self.down and not self.go.is_set():
            raise DescriptionUnavailable("made-up: expected an answer, found 503; try again later.")
        self.go.wait(60)
        return Reply("smiles", None, "m")  # type: ignore[arg-type]

    def close(self) -> None: ...


def asking(labeller: Labeller) -> LiveText:
    """Whoever asks ``labeller`` about every bit of new video, at once."""
    newest, minute = LatestDescription(), LastMinute()
    labeller_thread = LabellerThread(
        minute,
        newest,
        lambda sleep: labeller,  # type: ignore[arg-type,return-value]
        None,  # type: ignore[arg-type]
        Sampling("m"),
        lambda reply: reply.raw,
        every_s=0.05,
        least_s=0.0,
        retry_s=0.01,
    )
    text = LiveText(newest, minute=minute, labeller=labeller_thread)
    text.start()
    return text


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


def test_a_labeller_that_never_answers_costs_no_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same feed with and without: every frame observed, the same estimates, nothing dropped."""
    monkeypatch.setattr("stream.describing.labeller.CLOSE_S", 0.2)
    never = threading.Event()
    labeller = Labeller(never)
    text, seen = asking(labeller), []
    for told in (None, text):
        feed, thinker = Feed(80, 0.01), Thinker()
        run, wall = session(feed, thinker, told, pace="live")
        run.run()
        seen.append((len(thinker.seen), thinker.estimated[-1], wall.of(Health)[-1].dropped))
        assert thinker.described == []
    begun = time.monotonic()
    text.close()
    assert time.monotonic() - begun < 20  # not for ever
    assert seen[0] == seen[1]
    assert seen[1][:2] == (80, 79)
    assert labeller.asked == 1
    health: Health = wall.of(Health)[-1]
    assert health.describing is not None
    assert (health.describing.state, health.describing.sent, health.describing.answered) == ("sending", 1, 0)
    never.set()


def test_the_fast_lane_only_leaves_a_reference() -> None:
    """Nothing of it may wait: not even for locks that the threads beside it hold."""
    text = asking(Labeller(threading.Event()))
    minute, labeller_thread = text._minute, text._labeller
    assert minute is not None
    assert labeller_thread is not None
    with minute._lock, labeller_thread._tally.lock, text._newest._lock:
        done = threading.Thread(
            target=lambda: [text.see(Frame(i, i / 5, 0.0, PICTURE), 0) for i in range(1000)]
        )
        done.start()
        done.join(10)
        assert not done.is_alive()
    labeller_thread._closing.set()
    minute.close()


def test_a_labeller_that_is_down_is_reported_once_and_recovers() -> None:
    go = threading.Event()
    text = asking(Labeller(go, down=True))
    feed, thinker = Feed(10_000, 0.005), Thinker()
    run, wall = session(feed, thinker, text, pace="live")
    running = threading.Thread(target=run.run)
    running.start()

    def until(true: Callable[[], bool]) -> None:
        end = time.monotonic() + 15
        while not true():
            assert time.monotonic() < end, "waited in vain"
            time.sleep(0.01)

    try:
        until(lambda: any(h.describing.failed >= 3 for h in wall.of(Health)))
        failing = wall.of(Health)[-1].describing
        go.set()
        until(lambda: bool(thinker.described))
        until(lambda: wall.of(Health)[-1].describing.answered > 0)
    finally:
        go.set()
        run.stop()
        running.join()
        text.close()
    assert failing.state == "failing"
    assert failing.last_error == "made-up: expected an answer, found 503; try again later."
    told = [e.detail for e in wall.of(Event) if e.event == "describing"]
    assert [(d["from"], d["to"]) for d in told] == [("working", "failing"), ("failing", "working")]
    assert told[0]["reason"] == failing.last_error
    thread, said, pts, scene = thinker.described[0]
    assert (thread, said, scene) == ("slow lane", "smiles", 0)
    assert 0 <= pts <= thinker.seen[max(thinker.seen)].pts
    assert wall.of(Confidence)[-1].state == "ok"


def test_what_was_typed_reaches_the_analyzer_once() -> None:
    newest = LatestDescription()
    newest.put(Description("nods", 0.4, 0))
    feed, thinker = Feed(60, 0.01), Thinker()
    run, wall = session(feed, thinker, LiveText(newest), pace="live")
    run.run()
    assert thinker.described == [("slow lane", "nods", 0.4, 0)]
    assert "text" in wall.of(Health)[-1].stages_ms
    assert wall.of(Health)[-1].describing is None


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
    monkeypatch.setattr("stream.capture.feed.FIRST_RETRY_S", 0.01)

    class Refused(Feed):
        def open(self, stop: object) -> bool:
            raise SourceError("refused", code="refused")

    feeds: Iterator[Feed] = iter([Refused(0), Refused(0), Feed(12)])
    new: Callable[[], Feed] = lambda: next(feeds)  # noqa: E731 - typed on purpose
    wall, thinker = Wall(), Thinker()
    Session(Settings("feed", "fast", 10, wait=True), thinker, new, wall).run()  # type: ignore[arg-type]
    assert thinker.estimated == [9, 11]
    with pytest.raises(SourceError, match="refused"):
        Session(Settings("feed", "fast", 10), Thinker(), lambda: Refused(0), Wall()).run()  # type: ignore[arg-type,return-value]


def test_a_step_of_the_wall_clock_changes_timestamps_alone(
    monkeypatch: pytest.MonkeyPatch, record: Callable[..., None]
) -> None:
    """An hour ahead, then two back: order, ages and states are the monotonic clock's."""
    real, seen = time.time, itertools.count()

    def stepped() -> float:
        return real() + (0, 3600, -3600)[min(next(seen) // 4, 2)]

    monkeypatch.setattr(time, "time", stepped)
    run, wall = session(Feed(100, 0.01), Thinker(), pace="live")
    run.run()
    found = wall.of(Confidence)
    hours = {m.time[11:13] for m in found}
    assert len(hours) >= 3, "the steps are in the timestamps"
    assert [m.seq for m in found] == list(range(1, len(found) + 1))
    assert {m.state for m in found} == {"ok"}
    assert all(m.age_ms is not None and 0 <= m.age_ms < 2000 for m in found)
    record("wall clock stepped by hours", outcome="timestamps follow; seq, ages and states do not")


class Overloaded(Thinker):
    """The image encoder's queue is full until ``relieved`` frames were seen without features."""

    def __init__(self) -> None:
        super().__init__()
        self.levels: list[int] = []

    @property
    def waiting(self) -> int:  # type: ignore[override]
        return 100 if len(self.levels) < 4 else 0

    def relieve(self, level: int) -> None:
        self.levels.append(level)


def test_load_is_shed_in_order_and_taken_up_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """While it is shed what would be ok is degraded and says what is missing; frames left out are counted."""
    monkeypatch.setattr("stream.runtime.session.HEALTH_S", 0.02)
    feed, thinker = Feed(10_000, 0.005), Overloaded()
    run, wall = session(feed, thinker, pace="live")
    running = threading.Thread(target=run.run)
    running.start()
    try:
        give_up = time.monotonic() + 60
        while len(thinker.levels) < 8 and time.monotonic() < give_up:
            time.sleep(0.02)
    finally:
        run.stop()
        running.join()
    assert thinker.levels == [1, 2, 3, 4, 3, 2, 1, 0]
    reasons = [m.reason for m in wall.of(Confidence) if m.state == "degraded"]
    assert reasons
    assert all("the machine does not keep up: without every second image feature" in str(r) for r in reasons)
    assert any("the hands" in str(h.reason) for h in wall.of(Health))
    assert wall.of(Health)[-1].dropped["shed"] > 0
