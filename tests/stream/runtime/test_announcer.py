"""What leaves a run: numbers that increase, states as they hold now, events when they change."""

import threading
from dataclasses import replace
from typing import Any

import pytest

from stream.publish.wire import Confidence, Event, Health, Message
from stream.records import Estimate, WindowFigures
from stream.runtime.announcer import Announcer, Settings
from stream.runtime.states import STALE_AFTER_S
from stream.runtime.telemetry import Telemetry

ESTIMATE = Estimate(9, 0.36, 100.0, 0.6, "ok", None, {"keypoints": 0.6}, WindowFigures(0.1, 0.1, 1, 0, 9))


class Desk:
    """An announcer with a clock to set, and everything that it published."""

    def __init__(self, **settings: Any) -> None:
        self.now = 100.0
        self.messages: list[Message] = []
        self.announcer = Announcer(
            Settings(**{"source": "camera", "pace": "live", "hop": 10, **settings}),
            "made-up",
            self,
            clock=lambda: self.now,
        )

    def publish(self, message: Message) -> None:
        self.messages.append(message)

    def confidences(self) -> list[Confidence]:
        return [m for m in self.messages if isinstance(m, Confidence)]

    def events(self) -> list[tuple[str, dict[str, Any]]]:
        return [(m.event, m.detail) for m in self.messages if isinstance(m, Event)]


def test_before_any_estimate_there_is_a_message_without_a_number() -> None:
    desk = Desk()
    desk.announcer.confidence(None, None)
    (message,) = desk.confidences()
    assert (message.state, message.win, message.seq) == ("warming", None, 1)
    assert desk.events() == []


def test_the_last_estimate_is_repeated_with_the_state_that_holds_now() -> None:
    desk = Desk()
    desk.announcer.confidence(ESTIMATE, 100.0)
    desk.now = 100.0 + STALE_AFTER_S + 1
    desk.announcer.confidence(None, 100.0)
    first, second = desk.confidences()
    assert (first.state, second.state) == ("ok", "stale")
    assert (first.win, second.win) == (0.6, 0.6)
    assert (first.seq, second.seq, second.age_ms) == (1, 2, 3000.0)
    assert second.reason == "no fresh frame for 3 s"


def test_a_newer_frame_than_the_estimate_s_keeps_it_from_being_stale() -> None:
    desk = Desk()
    desk.now = 100.0 + STALE_AFTER_S + 1
    desk.announcer.confidence(ESTIMATE, newest_captured=desk.now)
    assert desk.confidences()[0].state == "degraded", "it is old, but there is video"


def test_at_fast_pace_nothing_has_an_age_and_nothing_is_stale() -> None:
    desk = Desk(pace="fast")
    desk.now = 1e6
    desk.announcer.confidence(ESTIMATE, 100.0)
    assert (desk.confidences()[0].state, desk.confidences()[0].age_ms) == ("ok", None)


@pytest.mark.parametrize(
    ("states", "events"),
    [
        (["warming", "ok", "ok"], ["ready"]),
        (["warming", "degraded", "ok"], ["degraded", "recovered"]),
        (["ok", "absent", "warming", "ok"], ["ready", "absent", "warming", "ready"]),
    ],
)
def test_a_change_of_state_is_one_event(states: list[Any], events: list[str]) -> None:
    desk = Desk()
    for state in states:
        desk.announcer.confidence(replace(ESTIMATE, state=state), 100.0)
    assert [event for event, _ in desk.events()] == events


def test_an_event_tells_from_where_to_where_and_why() -> None:
    desk = Desk()
    desk.announcer.confidence(replace(ESTIMATE, state="degraded", reason="coverage low"), 100.0)
    assert desk.events() == [("degraded", {"from": "warming", "to": "degraded", "reason": "coverage low"})]


def test_health_says_where_and_how_the_run_goes() -> None:
    desk = Desk(mode="ring", provider="CUDA")
    desk.announcer.health(Telemetry(), None, None)
    (message,) = desk.messages
    assert isinstance(message, Health)
    assert (message.source, message.hop, message.mode, message.provider) == ("camera", 10, "ring", "CUDA")
    assert (message.state, message.run) == ("warming", desk.announcer.run_id)


def test_two_runs_have_two_names() -> None:
    assert Desk().announcer.run_id != Desk().announcer.run_id


def test_numbers_increase_on_the_wire_whoever_asks() -> None:
    desk = Desk()
    threads = [
        threading.Thread(target=lambda: [desk.announcer.confidence(ESTIMATE, 100.0) for _ in range(50)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [message.seq for message in desk.confidences()] == list(range(1, 201))
