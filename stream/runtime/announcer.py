"""Everything that a session publishes: numbered confidences, events, health.

One message at a time leaves, whichever thread asks, so that ``seq`` increases on the wire.
"""

import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from stream.publish.messages import Describing, Notes
from stream.publish.wire import Confidence, Event, Health, Message, confidence_of, timestamp
from stream.records import Estimate, State
from stream.runtime import states
from stream.runtime.telemetry import Telemetry

Pace = Literal["live", "fast"]

_EVENTS = {"degraded": "degraded", "stale": "stale", "absent": "absent", "warming": "warming"}


@dataclass(frozen=True, slots=True)
class Settings:
    """How to run one source."""

    source: str  # display name, credentials removed
    pace: Pace
    hop: int  # ticks between estimates
    mode: Literal["full", "ring"] = "full"
    provider: str = "CPU"
    for_s: float | None = None  # stop after this many wall-clock seconds
    wait: bool = False  # retry a source that cannot be opened yet
    live: bool = False  # the end of the source is a fault: it is opened again
    give_up_s: float | None = None  # seconds without a frame after which it is given up


class Outlet(Protocol):
    """Where messages go; see `stream.publish.publisher.Publisher`."""

    def publish(self, message: Message) -> None: ...


class Announcer:
    """Publishes for one run; safe from any thread."""

    def __init__(
        self,
        settings: Settings,
        bundle: str,
        outlet: Outlet,
        *,
        on_message: Callable[[Confidence], None] | None = None,
        on_event: Callable[[Event], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``bundle`` is its name. Callbacks run in the thread that publishes."""
        self.run_id = uuid.uuid4().hex[:16]
        self.seq = 0  # confidence messages so far
        self.last: Estimate | None = None
        self.last_emitted = clock()
        self._settings, self._bundle, self._outlet = settings, bundle, outlet
        self._on_message, self._on_event = on_message, on_event
        self._clock = clock
        self._emitting = threading.Lock()
        self._state: State = "warming"

    def confidence(
        self,
        estimate: Estimate | None,
        newest_captured: float | None,
        delay_s: float | None = None,
        shed: str | None = None,
    ) -> None:
        """Publish an estimate, or (None) the last one again with the state that holds now.

        ``newest_captured``: monotonic seconds of the newest frame observed, used in an estimate or not.
        ``delay_s``: how long before that it happened, where its source tells. ``shed``: what is left out.
        """
        with self._emitting:
            self.last = estimate = estimate or self.last
            now = self._clock()
            state, reason = self._state_now(estimate, newest_captured, now, shed)
            self.seq += 1
            message = confidence_of(
                estimate,
                run=self.run_id,
                seq=self.seq,
                source=self._settings.source,
                bundle=self._bundle,
                mode=self._settings.mode,
                provider=self._settings.provider,
                unix_s=time.time(),
                now=now if self._settings.pace == "live" else None,
                state=state,
                reason=reason,
                delay_s=delay_s,
            )
            self._outlet.publish(message)
            self.last_emitted = now
            before, self._state = self._state, state
            if self._on_message is not None:
                self._on_message(message)
        if before != state:
            self._changed(before, state, reason, message.pts)

    def _state_now(
        self, estimate: Estimate | None, newest_captured: float | None, now: float, shed: str | None
    ) -> states.Verdict:
        if estimate is None:
            return states.at_publication(None, None)
        ages = None
        if self._settings.pace == "live":
            newest = max(estimate.captured, newest_captured or estimate.captured)
            ages = states.Ages(frame_s=now - newest, estimate_s=now - estimate.captured)
        return states.at_publication((estimate.state, estimate.reason), ages, shed)

    def _changed(self, before: State, now: State, reason: str | None, pts: float | None) -> None:
        name = _EVENTS.get(now, "ready" if before == "warming" else "recovered")
        detail = {"from": before, "to": now}
        self.event(name, pts, **(detail if reason is None else {**detail, "reason": reason}))

    def event(self, event: str, pts: float | None, **detail: str) -> None:
        """Publish an event; ``pts`` is the media second that it belongs to, if any."""
        message = Event(run=self.run_id, time=timestamp(time.time()), pts=pts, event=event, detail=detail)
        self._outlet.publish(message)
        if self._on_event is not None:
            self._on_event(message)

    def health(
        self,
        telemetry: Telemetry,
        describing: Describing | None,
        notes: Notes | None,
        shed: str | None = None,
    ) -> None:
        """Publish what telemetry knows by now. ``shed``: what is left out."""
        settings = self._settings
        self._outlet.publish(
            Health(
                run=self.run_id,
                time=timestamp(time.time()),
                source=settings.source,
                state=self._state,
                reason=shed,
                provider=settings.provider,
                hop=settings.hop,
                mode=settings.mode,
                describing=describing,
                notes=notes,
                **telemetry.snapshot(),
            )
        )
