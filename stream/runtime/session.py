"""Source → analyzer → publisher, until the source ends or somebody stops it.

With pace ``fast`` everything happens in one thread, in order, so that a second run gives the same
messages. With pace ``live`` the fast lane (this thread) observes frames, one slow lane estimates beside
it, and a pulse keeps confidence (≥ 1 a second) and health (1 Hz) coming whatever the other two do.
"""

import contextlib
import math
import os
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from stream.capture.capture import Capture
from stream.describing.live_text import LiveText
from stream.errors import SourceError
from stream.overlay.recorder import Recorder
from stream.publish.publisher import Publisher
from stream.publish.wire import Confidence, Event, Health, confidence_of, timestamp
from stream.records import Estimate, Frame, Observation, State
from stream.runtime.analyzer import Analyzer, degraded
from stream.runtime.telemetry import Telemetry

STALE_AFTER_S = 2.0  # without a fresh frame the last estimate is no longer ok
PULSE_S = 0.95  # longest silence between confidence messages at live pace
HEALTH_S = 1.0
DUTY = 0.6  # share of one core that the slow lane may ask for at live pace
RETRY_S = 2.0  # between attempts to open a source that is waited for
_POLL_S = 0.1
_EVENTS = {"degraded": "degraded", "stale": "stale", "absent": "absent", "warming": "warming"}


@dataclass(frozen=True, slots=True)
class Settings:
    """How to run one source."""

    source: str  # display name, credentials removed
    pace: Literal["live", "fast"]
    hop: int  # ticks between estimates
    mode: Literal["full", "ring"] = "full"
    provider: str = "CPU"
    for_s: float | None = None  # stop after this many wall-clock seconds
    wait: bool = False  # go on asking for a source that cannot be opened yet


class Session:
    """One run over one source. ``run`` blocks; ``stop`` may be called from a signal handler."""

    def __init__(
        self,
        settings: Settings,
        analyzer: Analyzer,
        capture: Callable[[], Capture],
        publisher: Publisher,
        *,
        recorder: Recorder | None = None,
        text: LiveText | None = None,
        on_message: Callable[[Confidence], None] | None = None,
        on_event: Callable[[Event], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings
        self.run_id = uuid.uuid4().hex[:16]
        self.telemetry = Telemetry(clock=clock)
        self._analyzer = analyzer
        self._new_capture = capture
        self._capture: Capture | None = None
        self._publisher = publisher
        self._recorder = recorder
        self._text = text
        self._on_message, self._on_event = on_message, on_event
        self._clock = clock
        self._stopping = threading.Event()
        self._emitting = threading.Lock()  # one message at a time, so that seq increases on the wire
        self._fresh = threading.Condition()
        self._newest: Observation | None = None
        self._last: Estimate | None = None
        self._last_emitted = clock()
        self._state: State = "warming"
        self._seq = 0
        self._failure: BaseException | None = None

    def stop(self) -> None:
        """Ask the run to end; it flushes and returns."""
        self._stopping.set()

    def run(self) -> None:
        """Read the source to its end. Raises SourceError when it breaks off, with everything published."""
        deadline = None if self.settings.for_s is None else self._clock() + self.settings.for_s
        pulse = threading.Thread(target=self._guarded, args=(self._pulse,), name="pulse", daemon=True)
        slow = threading.Thread(target=self._guarded, args=(self._slow_lane,), name="slow lane", daemon=True)
        live = self.settings.pace == "live"
        pulse.start()
        if live:
            slow.start()
        broken: SourceError | None = None
        try:
            self._open()
            self._read(deadline, live)
        except SourceError as error:
            broken = error
        finally:
            if self._capture is not None:
                self._capture.close()
            self._stopping.set()
            with self._fresh:
                self._fresh.notify_all()
            if live:
                slow.join()
            pulse.join()
        if self._failure is not None:
            raise self._failure
        self._finish(broken)
        if broken is not None:
            raise broken

    def _open(self) -> None:
        """Open the source; with ``wait`` ask again until it is there."""
        while not self._stopping.is_set():
            capture = self._new_capture()
            try:
                capture.open()
            except SourceError:
                capture.close()
                if not self.settings.wait:
                    raise
                self._stopping.wait(RETRY_S)
            else:
                self._capture = capture
                return

    # -- fast lane ---------------------------------------------------------------------------------

    def _read(self, deadline: float | None, live: bool) -> None:
        due = self.settings.hop - 1
        capture = self._capture
        while not self._stopping.is_set() and (deadline is None or self._clock() < deadline):
            frame = capture.next(_POLL_S) if capture else None
            if frame is None:
                if capture is None or capture.ended:
                    return
                continue
            observation = self._observe(frame)
            if observation is None or live:
                continue
            if observation.tick >= due:
                self._emit(self._timed_estimate(observation.tick))
                due = _next_due(observation.tick, self.settings.hop)

    def _observe(self, frame: Frame) -> Observation | None:
        started = time.perf_counter()
        self.telemetry.mark("fps_in")
        observation = self._analyzer.observe(frame)
        if observation is None:
            return None
        self.telemetry.mark("fps_observed")
        self.telemetry.stages(observation.timings_ms)
        self.telemetry.stage("observe", (time.perf_counter() - started) * 1e3)
        if observation.portrait is not None and observation.portrait.cut:
            self._event("cut", observation.pts)
        with self._fresh:
            self._newest = observation
            self._fresh.notify_all()
        if self._text is not None:
            self._text.see(frame, observation.scene)
        if self._recorder is not None:
            self._recorder.push(frame, observation.portrait, observation.pose, self._last)
        return observation

    # -- slow lane ---------------------------------------------------------------------------------

    def _slow_lane(self) -> None:
        _be_nice()
        due = self.settings.hop - 1
        while not self._stopping.is_set():
            with self._fresh:
                self._fresh.wait(_POLL_S)
                newest = self._newest
            if newest is None:
                continue
            self._listen()
            if newest.tick < due:
                self._analyzer.keep_up(newest.tick)  # spread the work between estimates
                continue
            self._emit(self._timed_estimate(newest.tick))
            due = _next_due(newest.tick, self.settings.hop)

    def _listen(self) -> None:
        """Give the analyzer what was said last, if anything new was."""
        said = None if self._text is None else self._text.take()
        if said is not None:
            started = time.perf_counter()
            self._analyzer.describe(said.text, said.pts, said.scene)
            self.telemetry.stage("text", (time.perf_counter() - started) * 1e3)

    def _timed_estimate(self, tick: int) -> Estimate:
        estimate = self._analyzer.estimate(tick)
        self.telemetry.stages(estimate.timings_ms)
        self.telemetry.stage("estimate", sum(estimate.timings_ms.values()))
        self.telemetry.mark("estimates_per_s")
        if not self._analyzer.window.intact(tick):
            estimate = degraded(estimate, "the machine does not keep up with this bundle")
        elif self._analyzer.shed:
            estimate = degraded(estimate, f"{self._analyzer.shed} portraits given up by the image encoder")
        return estimate

    # -- messages ----------------------------------------------------------------------------------

    def _pulse(self) -> None:
        next_health = self._clock()
        while not self._stopping.wait(0.05):
            now = self._clock()
            if self.settings.pace == "live" and now - self._last_emitted >= PULSE_S:
                self._emit(None)
            self._watch_labeller()
            if now >= next_health:
                self._publisher.publish(self._health())
                next_health = max(next_health + HEALTH_S, now)

    def _emit(self, estimate: Estimate | None) -> None:
        """Publish an estimate, or say again what was said last with the state that holds now."""
        with self._emitting:
            self._last = estimate = estimate or self._last
            now = self._clock()
            state, reason = self._present_state(estimate, now)
            self._seq += 1
            message = confidence_of(
                estimate,
                run=self.run_id,
                seq=self._seq,
                source=self.settings.source,
                bundle=self._analyzer.bundle.manifest.name,
                mode=self.settings.mode,
                provider=self.settings.provider,
                unix_s=time.time(),
                now=now if self.settings.pace == "live" else None,
                state=state,
                reason=reason,
            )
            self._publisher.publish(message)
            self._last_emitted = now
            changed_from, self._state = self._state, state
            if self._on_message is not None:
                self._on_message(message)
        if changed_from != state:
            self._changed(changed_from, state, reason, message.pts)

    def _present_state(self, estimate: Estimate | None, now: float) -> tuple[State, str | None]:
        """What the estimate's state is by now: what was ok when it was made may be stale."""
        if estimate is None:
            return "warming", None
        newest = self._newest
        seen_s = now - (estimate.captured if newest is None else max(estimate.captured, newest.captured))
        if self.settings.pace == "live" and seen_s > STALE_AFTER_S:
            return "stale", f"no fresh frame for {seen_s:.0f} s"
        behind_s = now - estimate.captured
        if self.settings.pace == "live" and behind_s > STALE_AFTER_S and estimate.state == "ok":
            return "degraded", f"the newest estimate is {behind_s:.0f} s old"
        return estimate.state, estimate.reason

    def _changed(self, before: State, now: State, reason: str | None, pts: float | None) -> None:
        name = _EVENTS.get(now, "ready" if before == "warming" else "recovered")
        detail = {"from": before, "to": now}
        self._event(name, pts, **(detail if reason is None else {**detail, "reason": reason}))

    def _watch_labeller(self) -> None:
        """One event when a labeller gets into trouble and one when it is out, however often it fails."""
        detail = None if self._text is None else self._text.turned()
        if detail is not None:
            newest = self._newest
            self._event("describing", None if newest is None else newest.pts, **detail)

    def _event(self, event: str, pts: float | None, **detail: str) -> None:
        message = Event(run=self.run_id, time=timestamp(time.time()), pts=pts, event=event, detail=detail)
        self._publisher.publish(message)
        if self._on_event is not None:
            self._on_event(message)

    def _health(self) -> Health:
        capture, telemetry = self._capture, self.telemetry
        if capture is not None:
            counters = capture.counters
            telemetry.child_pid = capture.child_pid
            telemetry.total("stalls", counters["stalls"])
            for cause, n in {**counters["dropped"], "undecodable": counters["errors"]}.items():
                telemetry.total(f"dropped.{cause}", n)
        if self._recorder is not None:
            telemetry.total("dropped.overlay", self._recorder.dropped)
        telemetry.total("dropped.portraits", self._analyzer.shed)
        telemetry.total("late", self._analyzer.grid.late)
        return Health(
            run=self.run_id,
            time=timestamp(time.time()),
            source=self.settings.source,
            state=self._state,
            provider=self.settings.provider,
            hop=self.settings.hop,
            mode=self.settings.mode,
            describing=None if self._text is None else self._text.describing(),
            notes=None if self._text is None else self._text.notes(),
            **telemetry.snapshot(),
        )

    def _finish(self, broken: SourceError | None) -> None:
        """The last estimate, the last health and the end; file and live alike."""
        newest, last = self._newest, self._last
        if newest is not None and (last is None or last.tick < newest.tick):
            self._emit(self._timed_estimate(newest.tick))
        elif newest is None and broken is None:
            self._emit(None)
        pts = None if newest is None else newest.pts
        self._event("end", pts, reason="the source ended" if broken is None else str(broken))
        self._publisher.publish(self._health())

    def _guarded(self, lane: Callable[[], None]) -> None:
        """Run a lane; what it raises stops the session and is raised again by ``run``."""
        try:
            lane()
        except BaseException as error:
            self._failure = error
            self._stopping.set()

    def messages(self) -> int:
        """Confidence messages published so far."""
        return self._seq


def _next_due(tick: int, hop: int) -> int:
    """The next tick at which an estimate is due: hops are counted from the first tick."""
    return ((tick + 1) // hop + 1) * hop - 1


def live_hop(hop: int, estimate_s: float, rate: float) -> int:
    """The manifest's hop, or the smallest multiple of 5 ticks at which estimates leave room for the rest."""
    needed = estimate_s / DUTY * rate
    return hop if needed <= hop else math.ceil(needed / 5) * 5


def _be_nice() -> None:
    """Yield the core to the fast lane: on Linux a thread has its own niceness."""
    with contextlib.suppress(AttributeError, OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)
