"""Source → analyzer → announcer, until the source ends or somebody stops it.

At pace ``fast`` everything happens in one thread, in order, so that a second run gives the same messages. At
pace ``live`` the fast lane (this thread) observes frames, one slow lane estimates beside it, and a pulse
keeps confidence (≥ 1 a second) and health (1 Hz) coming whatever the other two do.
"""

import math
import time
from collections.abc import Callable
from contextlib import ExitStack

from stream.capture.capture import Capture
from stream.capture.feed import Feed, Outage
from stream.describing.live_text import LiveText
from stream.errors import SourceError
from stream.overlay.recorder import Recorder
from stream.publish.wire import Confidence, Event
from stream.records import Estimate, Frame, Observation
from stream.runtime.analyzer import Analyzer
from stream.runtime.announcer import Announcer, Outlet, Settings
from stream.runtime.lanes import Lanes
from stream.runtime.shedding import ESTIMATES, FRAMES, Gauge
from stream.runtime.telemetry import Telemetry

PULSE_S = 0.95  # longest silence between confidence messages at live pace
HEALTH_S = 1.0
_POLL_S = 0.1


# As many attributes as a run has parts.
class Session:
    """One run over one source. ``run`` blocks; ``stop`` may be called from a signal handler."""

    def __init__(
        self,
        settings: Settings,
        analyzer: Analyzer,
        capture: Callable[[], Capture],
        outlet: Outlet,
        *,
        recorder: Recorder | None = None,
        text: LiveText | None = None,
        on_message: Callable[[Confidence], None] | None = None,
        on_event: Callable[[Event], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``capture`` makes a new one for every attempt; callbacks run in the thread that publishes."""
        self.settings = settings
        self.telemetry = Telemetry(clock=clock)
        self._announcer = Announcer(
            settings,
            analyzer.bundle.manifest.name,
            outlet,
            on_message=on_message,
            on_event=on_event,
            clock=clock,
        )
        self._analyzer = analyzer
        self._recorder = recorder
        self._text = text
        self._clock = clock
        self._lanes = Lanes()
        self._feed = Feed(
            capture,
            live=settings.live,
            wait=settings.wait,
            give_up_s=settings.give_up_s,
            sleep=self._lanes.sleep,
            clock=clock,
            on_lost=self._lost,
            on_back=self._back,
        )
        self._deadline = math.inf  # of the monotonic clock
        self._stopped = False  # by ``stop``
        self._newest: Observation | None = None
        self._gauge = Gauge()

    @property
    def run_id(self) -> str:
        return self._announcer.run_id

    def messages(self) -> int:
        """Confidence messages published so far."""
        return self._announcer.seq

    def stop(self) -> None:
        """Ask the run to end; it flushes and returns."""
        self._stopped = True
        self._lanes.stop()

    def run(self) -> None:
        """Read the source to its end. Raises SourceError when it breaks off, with everything published."""
        broken: SourceError | None = None
        with ExitStack() as stack:
            stack.callback(self._lanes.join)
            self._lanes.start("pulse", self._pulse)
            if self.settings.pace == "live":
                self._lanes.start("slow lane", self._slow_lane, nice=True)
            try:
                self._read()
            except SourceError as error:
                broken = error
        self._lanes.raise_failure()
        self._finish(broken)
        if broken is not None:
            raise broken

    # -- fast lane ---------------------------------------------------------------------------------

    def _read(self) -> None:
        if self.settings.for_s is not None:
            self._deadline = self._clock() + self.settings.for_s
        due = self.settings.hop - 1
        for frame in self._feed.frames(self._over):
            if self._gauge.load.level >= FRAMES and frame.index % 2:
                self.telemetry.count("dropped.shed")
                continue
            observation = self._observe(frame)
            if self.settings.pace == "fast" and observation is not None and observation.tick >= due:
                self._announce(observation.tick)
                due = _next_due(observation.tick, self.settings.hop)

    def _over(self) -> bool:
        return self._lanes.stopping or self._clock() >= self._deadline

    def _lost(self, outage: Outage) -> None:
        self._announcer.event("disconnect", self._pts(), reason=outage.reason)

    def _back(self, outage: Outage) -> None:
        away, attempts = f"{outage.seconds:.1f}", str(outage.attempts)
        self._announcer.event("reconnect", self._pts(), away_s=away, attempts=attempts)

    def _pts(self) -> float | None:
        """Media seconds of the newest observation."""
        newest = self._newest
        return None if newest is None else newest.pts

    def _observe(self, frame: Frame) -> Observation | None:
        started = time.perf_counter()
        self.telemetry.mark("fps_in")
        observation = self._analyzer.observe(frame)
        if observation is None:
            return None
        self.telemetry.mark("fps_observed")
        self.telemetry.count("observed")
        self.telemetry.stages(observation.timings_ms)
        self.telemetry.stage("observe", (time.perf_counter() - started) * 1e3)
        if observation.portrait is not None and observation.portrait.cut:
            self._announcer.event("cut", observation.pts)
        self._newest = observation
        self._lanes.wake()
        if self._text is not None:
            self._text.see(frame, observation.scene)
        if self._recorder is not None:
            self._recorder.push(frame, observation.portrait, observation.pose, self._announcer.last)
        return observation

    # -- slow lane ---------------------------------------------------------------------------------

    def _slow_lane(self) -> None:
        due = self.settings.hop - 1
        while not self._lanes.stopping:
            self._lanes.wait(_POLL_S)
            newest = self._newest
            if newest is None:
                continue
            self._read_description()
            if newest.tick < due:
                self._analyzer.keep_up(newest.tick)  # spread the work between estimates
                continue
            self._announce(newest.tick)
            due = _next_due(newest.tick, self._hop())

    def _hop(self) -> int:
        """Ticks between estimates at live pace."""
        return self.settings.hop * (2 if self._gauge.load.level >= ESTIMATES else 1)

    def _read_description(self) -> None:
        """Give the analyzer the newest description, if there is a new one."""
        said = None if self._text is None else self._text.take()
        if said is not None:
            started = time.perf_counter()
            self._analyzer.describe(said.text, said.pts, said.scene)
            self.telemetry.stage("text", (time.perf_counter() - started) * 1e3)

    def _announce(self, tick: int) -> None:
        estimate = self._analyzer.estimate(tick)
        self.telemetry.stages(estimate.timings_ms)
        self.telemetry.stage("estimate", sum(estimate.timings_ms.values()))
        self.telemetry.mark("estimates_per_s")
        self._publish(estimate)

    # -- pulse -------------------------------------------------------------------------------------

    def _pulse(self) -> None:
        next_health, missing = self._clock(), 0
        while not self._lanes.sleep(0.05):
            now = self._clock()
            if self.settings.pace == "live" and now - self._announcer.last_emitted >= PULSE_S:
                self._publish(None)
            self._watch_labeller()
            missing = self._watch_segments(missing)
            if now >= next_health:
                self._shed()
                self._health()
                next_health = max(next_health + HEALTH_S, now)

    def _shed(self) -> None:
        """Leave out work that the machine does not keep up with, or take it up again."""
        newest, last = self._newest, self._announcer.last
        if newest is None or self.settings.pace == "fast":
            return
        before = self._gauge.load.level
        load = self._gauge.look(
            skipped=self._feed.counters["dropped"].get("newest_wins", 0),
            tick=newest.tick,
            observed=self.telemetry.counts().get("observed", 0),
            portraits=self._analyzer.waiting,
            hops=0.0 if last is None else (newest.tick - last.tick) / self._hop(),
        )
        if load.level != before:
            self._analyzer.relieve(load.level)

    def _publish(self, estimate: Estimate | None) -> None:
        newest = self._newest
        if newest is None:
            self._announcer.confidence(estimate, None)
        else:
            delay_s = None if newest.happened is None else newest.captured - newest.happened
            self._announcer.confidence(estimate, newest.captured, delay_s, self._gauge.load.reason)

    def _watch_labeller(self) -> None:
        """One event when a labeller gets into trouble and one when it is out, however often it fails."""
        detail = None if self._text is None else self._text.turned()
        if detail is not None:
            self._announcer.event("describing", self._pts(), **detail)

    def _watch_segments(self, known: int) -> int:
        """One event for segments of a playlist that were not there, beyond the ``known``; how many by now."""
        missing: int = self._feed.counters["segments"]
        if missing > known:
            self._announcer.event("missing", self._pts(), segments=str(missing - known))
        return missing

    def _health(self) -> None:
        feed, telemetry, text = self._feed, self.telemetry, self._text
        counters = feed.counters
        telemetry.child_pid = feed.child_pid
        telemetry.total("stalls", counters["stalls"])
        telemetry.total("reconnects", feed.reconnects)
        for cause, n in {**counters["dropped"], "undecodable": counters["errors"]}.items():
            telemetry.total(f"dropped.{cause}", n)
        if counters["segments"]:
            telemetry.total("dropped.segments", counters["segments"])
        if self._recorder is not None:
            telemetry.total("dropped.overlay", self._recorder.dropped)
        telemetry.total("dropped.portraits", self._analyzer.shed)
        telemetry.total("late", self._analyzer.late)
        self._announcer.health(
            telemetry,
            None if text is None else text.describing(),
            None if text is None else text.notes(),
            self._gauge.load.reason,
        )

    def _finish(self, broken: SourceError | None) -> None:
        """The last estimate, the last health and the end; file and live alike."""
        newest, last = self._newest, self._announcer.last
        if newest is not None and (last is None or last.tick < newest.tick):
            self._announce(newest.tick)
        elif newest is None and broken is None:
            self._publish(None)
        self._announcer.event("end", self._pts(), reason=self._why(broken))
        self._health()

    def _why(self, broken: SourceError | None) -> str:
        """Why the run ends, as the ``end`` event says it."""
        if broken is not None:
            return str(broken)
        if self._clock() >= self._deadline:
            return "time is up"
        return "stopped" if self._stopped else "ended"


def _next_due(tick: int, hop: int) -> int:
    """The next tick at which an estimate is due: hops are counted from the first tick."""
    return ((tick + 1) // hop + 1) * hop - 1
