"""A file once, a live source again and again: waits, giving up, and what no retry can mend."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from stream.capture.feed import (
    FIRST_RETRY_S,
    JITTER,
    LONGEST_RETRY_S,
    PERMANENT,
    TIRED_AFTER_S,
    TIRED_RETRY_S,
    Feed,
    Outage,
)
from stream.errors import SOURCE_FAULTS, SourceError
from stream.records import Frame

IMAGE = np.zeros((2, 2, 3), np.uint8)
FAULT = SourceError("it broke; mend it")


def frame(index: int, pts: float, captured: float) -> Frame:
    return Frame(index, pts, captured, IMAGE, False)


class CaptureStandIn:
    """Gives its frames, then ends, or breaks with an error."""

    def __init__(
        self, *frames: Frame, error: SourceError | None = None, duration_s: float | None = None
    ) -> None:
        self.given, self.error = frames, error
        self.source = SimpleNamespace(name="camera")
        self.info = SimpleNamespace(duration_s=duration_s)
        self.counters = {"dropped": {"late": 1}, "errors": 2, "stalls": 3, "segments": 4}
        self.child_pid = 42
        self.closed = False

    def open(self, stop: Callable[[], bool]) -> bool:
        if self.error is not None and not self.given:
            raise self.error
        return not stop()

    def frames(self, stop: Callable[[], bool], poll_s: float) -> Iterator[Frame]:
        yield from self.given
        if self.error is not None:
            raise self.error

    def close(self) -> None:
        self.closed = True


class World:
    """A clock that only sleeping moves, and captures one after the other; the last one for ever."""

    def __init__(self, *captures: CaptureStandIn) -> None:
        self.captures, self.opened = list(captures), 0
        self.now, self.waits = 100.0, []
        self.lost: list[Outage] = []
        self.back: list[Outage] = []

    def capture(self) -> Any:
        self.opened += 1
        return self.captures[min(self.opened, len(self.captures)) - 1]

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds

    def feed(self, **options: Any) -> Feed:
        return Feed(
            self.capture,
            sleep=self.sleep,
            clock=lambda: self.now,
            on_lost=self.lost.append,
            on_back=self.back.append,
            **{"live": True, **options},
        )


def never() -> bool:
    return False


def test_a_file_is_played_once() -> None:
    world = World(CaptureStandIn(frame(0, 0.0, 1.0), frame(1, 0.04, 1.04), duration_s=2.0))
    feed = world.feed(live=False)
    assert [f.index for f in feed.frames(never)] == [0, 1]
    assert (world.opened, world.captures[0].closed, feed.child_pid) == (1, True, None)


def test_a_recording_from_a_live_address_ends_too() -> None:
    world = World(CaptureStandIn(frame(0, 0.0, 1.0), duration_s=2.0))
    assert len(list(world.feed().frames(never))) == 1
    assert world.opened == 1


def test_an_outage_stays_in_the_frames_as_long_as_it_was() -> None:
    world = World(
        CaptureStandIn(frame(0, 5.0, 10.0), frame(1, 5.04, 10.04), error=FAULT),
        CaptureStandIn(error=FAULT),
        CaptureStandIn(frame(0, 900.0, 17.04), frame(1, 900.04, 17.08), duration_s=1.0),
    )
    feed = world.feed()
    found = list(feed.frames(never))
    assert [f.pts for f in found] == pytest.approx([5.0, 5.04, 12.04, 12.08])
    assert [f.discontinuity for f in found] == [False, False, True, False]
    assert (world.opened, feed.reconnects) == (3, 1)
    assert [outage.reason for outage in world.lost] == [str(FAULT)]
    (back,) = world.back
    assert (back.attempts, back.seconds) == (2, pytest.approx(sum(world.waits)))


def test_times_never_stand_still_over_an_outage() -> None:
    world = World(
        CaptureStandIn(frame(0, 5.0, 10.0), error=FAULT),
        CaptureStandIn(frame(0, 0.0, 10.0), duration_s=1.0),
    )
    first, second = world.feed().frames(never)
    assert second.pts > first.pts


def test_counters_are_those_of_all_attempts_together() -> None:
    world = World(
        CaptureStandIn(frame(0, 0.0, 1.0), error=FAULT), CaptureStandIn(frame(0, 0.0, 2.0), duration_s=1.0)
    )
    feed = world.feed()
    running = iter(feed.frames(never))
    next(running)
    assert (feed.counters["errors"], feed.child_pid) == (2, 42)
    list(running)
    assert feed.counters == {"dropped": {"late": 2}, "errors": 4, "stalls": 6, "segments": 8}


def test_waits_double_vary_and_are_bounded() -> None:
    world = World(CaptureStandIn(frame(0, 0.0, 1.0), error=FAULT), CaptureStandIn(error=FAULT))
    for _ in world.feed().frames(lambda: world.now > 100.0 + 2 * TIRED_AFTER_S):
        pass
    for attempt, wait in enumerate(world.waits[:8]):
        named = min(FIRST_RETRY_S * 2**attempt, LONGEST_RETRY_S)
        assert named * (1 - JITTER) <= wait <= named * (1 + JITTER)
    assert len({round(wait, 6) for wait in world.waits[4:20]}) > 8, "many clients would return at once"
    assert TIRED_RETRY_S * (1 - JITTER) <= world.waits[-1] <= TIRED_RETRY_S * (1 + JITTER)


@pytest.mark.parametrize("code", SOURCE_FAULTS)
@pytest.mark.parametrize("wait", [False, True])
def test_a_source_that_cannot_be_opened(code: Any, wait: bool) -> None:
    """Waiting is for what may come, not for a wrong password."""
    world = World(CaptureStandIn(error=SourceError("no; do", code=code)), CaptureStandIn(duration_s=1.0))
    feed = world.feed(wait=wait)
    if wait and code not in PERMANENT:
        assert list(feed.frames(never)) == []
        assert world.opened == 2
    else:
        with pytest.raises(SourceError, match="no; do"):
            list(feed.frames(never))
        assert (world.opened, world.waits) == (1, [])


@pytest.mark.parametrize(("code", "opened"), [("auth", 2), ("not_found", 3), ("codec", 3)])
def test_once_it_has_played_only_a_wrong_password_ends_it(code: Any, opened: int) -> None:
    world = World(
        CaptureStandIn(frame(0, 0.0, 1.0), error=FAULT),
        CaptureStandIn(error=SourceError("no; do", code=code)),
        CaptureStandIn(frame(0, 0.0, 2.0), duration_s=1.0),
    )
    feed = world.feed()
    if code == "auth":
        with pytest.raises(SourceError, match="no; do"):
            list(feed.frames(never))
    else:
        assert len(list(feed.frames(never))) == 2
    assert world.opened == opened


def test_it_is_given_up_after_the_time_that_was_set() -> None:
    world = World(CaptureStandIn(frame(0, 0.0, 1.0), error=FAULT), CaptureStandIn(error=FAULT))
    with pytest.raises(SourceError, match="gave up: it broke; mend it"):
        list(world.feed(give_up_s=10.0).frames(never))
    assert 10.0 <= world.now - 100.0 < 12.0
    assert len(world.lost) == 1, "one outage, however many attempts"


def test_a_live_source_that_ends_without_a_word_broke_off() -> None:
    world = World(CaptureStandIn(frame(0, 0.0, 1.0)), CaptureStandIn(frame(0, 0.0, 2.0), duration_s=1.0))
    assert len(list(world.feed().frames(never))) == 2
    assert "camera broke off" in world.lost[0].reason


def test_stopping_opens_nothing_more_and_closes_what_was_open() -> None:
    world = World(CaptureStandIn(frame(0, 0.0, 1.0), frame(1, 0.04, 1.04), error=FAULT))
    stopped: list[bool] = []
    running = world.feed().frames(lambda: bool(stopped))
    next(running)
    stopped.append(True)
    list(running)
    assert (world.opened, world.captures[0].closed, world.waits) == (1, True, [])
