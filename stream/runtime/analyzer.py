"""The two lanes: ``observe`` writes one tick, ``estimate`` reads all ticks ≤ T.

The same observations and the same T give the same number, whether ``estimate`` is called inline (file) or
from a slower lane beside ``observe`` (live). Nothing here knows a thread, a socket or a clock.
"""

import threading
from collections import deque
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np

from stream.branches import modes
from stream.branches.calibration import calibrated
from stream.branches.image import ImageEncoder, crop_portrait
from stream.branches.text import TextReader
from stream.bundle.manifest import BRANCHES, Bundle
from stream.frontend.front_end import FrontEnd
from stream.records import Estimate, Floats, Frame, Image, Observation, State
from stream.window.window import Grid, Ring, Window, WindowView

ABSENT_AFTER_S = 2.0  # seconds without a person before the state says so
COVERAGE_FLOOR = 0.5  # below this share of valid ticks an estimate is marked as degraded
PENDING = 250  # portraits that may wait for the encoder (50 s of them)


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    tick: int
    slot: int
    crop: Image


@dataclass(frozen=True, slots=True, eq=False)
class _Text:
    vector: Floats  # float32 [1, E]
    pts: float  # media seconds it speaks of
    scene: int


class Analyzer:
    """One person's running estimate. ``observe`` and ``estimate`` may run in two threads, each in one."""

    def __init__(
        self,
        bundle: Bundle,
        front_end: FrontEnd,
        *,
        mode: modes.Name = "full",
        on_cut: modes.OnCut = "keep",
        provider: str = "cpu",
        threads: int = 1,
        prior: float | None = None,
        encoder: ImageEncoder | None = None,
    ) -> None:
        """``on_cut`` says what becomes of what was seen before a cut or a switch of subject: it stays, counts
        for less (ring mode), or is forgotten. ``encoder`` takes the place of the bundle's image encoder.

        Raises UsageError for a mode that the bundle does not have or that cannot do what ``on_cut`` says.
        """
        manifest = bundle.manifest
        self.mode = modes.chosen(bundle, mode)
        self.on_cut = modes.policy(on_cut, self.mode)
        self.bundle = bundle
        self.spec = manifest.window
        self.prior = manifest.prior if prior is None else prior
        self.grid = Grid(self.spec.rate)
        self.window = Window(self.spec, manifest.image.dim if manifest.image else 0)
        self.shed = 0  # portraits given up because the encoder did not keep up
        self._front_end = front_end
        self._temporal = modes.load(bundle, self.mode, self.on_cut, provider=provider, threads=threads)
        self._image = manifest.image
        if encoder is None and self._image is not None:
            encoder = ImageEncoder(bundle, self._image, provider=provider, threads=threads)
        self._encoder = encoder
        self._reader = TextReader(bundle, manifest.text) if manifest.text else None
        self._text: _Text | None = None
        self._scene = 0
        self._counted = False  # the cut that the next portrait will tell of
        self._waiting: deque[_Waiting] = deque()
        self._waiting_lock = threading.Lock()
        self._claimed_slot = -1
        self._pts = Ring(self.window.rows, (), np.float64)
        self._captured = Ring(self.window.rows, (), np.float64)
        self._scenes = Ring(self.window.rows, (), np.int64)

    def reset(self) -> None:
        """Forget everything seen; the next frame starts a new window."""
        self.grid = Grid(self.spec.rate)
        self.window.reset()
        self._temporal.reset()
        self._front_end.reset()
        self._text = None
        self._scene += 1  # whoever is still writing writes about what was forgotten
        self._counted = False
        self._waiting.clear()
        self._claimed_slot = -1
        self.shed = 0

    # -- fast lane ---------------------------------------------------------------------------------

    def observe(self, frame: Frame) -> Observation | None:
        """Write one tick; None when an earlier frame has the tick already."""
        tick = self.grid.claim(frame.pts, frame.discontinuity)
        if tick is None:
            return None
        portrait, pose = self._front_end.push(frame)
        if portrait is not None and self._counted:
            portrait = replace(portrait, cut=frame.discontinuity)
        self._counted = portrait is None and (self._counted or frame.discontinuity)
        timings = dict(self._front_end.timings_ms)
        started = perf_counter()
        if (
            portrait is not None
            and self._image is not None
            and self.window.slot_of(tick) > self._claimed_slot
        ):
            crop_started = perf_counter()
            crop = crop_portrait(frame.image, portrait, self._image.size)
            timings["crop"] = (perf_counter() - crop_started) * 1e3
            self._enqueue(tick, crop)
        if frame.discontinuity or (portrait is not None and portrait.cut):
            self._scene += 1
        self._scenes.put(tick, self._scene)
        self._pts.put(tick, frame.pts)
        self._captured.put(tick, frame.captured)
        self.window.push(tick, portrait, pose, cut=frame.discontinuity)
        timings["window"] = (perf_counter() - started) * 1e3 - timings.get("crop", 0.0)
        return Observation(tick, frame.pts, frame.captured, portrait, pose, timings, self._scene)

    def _enqueue(self, tick: int, crop: Image) -> None:
        self._claimed_slot = self.window.slot_of(tick)
        with self._waiting_lock:
            self._waiting.append(_Waiting(tick, self._claimed_slot, crop))
            if len(self._waiting) > PENDING:
                self._waiting.popleft()
                self.shed += 1

    # -- slow lane ---------------------------------------------------------------------------------

    def describe(self, description: str | None, pts: float, scene: int | None = None) -> None:
        """Give the text branch its newest description; None or nothing takes it away.

        It speaks of the media second ``pts`` of ``scene`` (of an Observation; None: the present one), and
        is used while estimates are of that scene and their window reaches back to ``pts``: after a cut it
        may speak of somebody else, and nothing else is remembered for longer than the window.
        """
        if self._reader is None or not description:
            self._text = None
            return
        vector = self._temporal.text(self._reader(description))
        self._text = _Text(vector, pts, self._scene if scene is None else scene)

    def encode_waiting(self, tick: int) -> int:
        """Encode the portraits of ticks ≤ ``tick`` that still wait; returns how many."""
        done = 0
        while (waiting := self._next_waiting(tick)) is not None and self._encoder is not None:
            self.window.put_feature(waiting.slot, self._encoder(waiting.crop), waiting.tick)
            done += 1
        return done

    def keep_up(self, tick: int) -> None:
        """Do what ticks ≤ ``tick`` have brought to do, so that the next estimate has less of it."""
        self.encode_waiting(tick)
        self._temporal.follow(self.window, tick)

    def _next_waiting(self, tick: int) -> _Waiting | None:
        with self._waiting_lock:
            return self._waiting.popleft() if self._waiting and self._waiting[0].tick <= tick else None

    def estimate(self, tick: int | None = None) -> Estimate:
        """What all ticks ≤ ``tick`` (default: the newest) say. At least one frame must have been observed.

        In ring mode ``tick`` must not go back, here and in ``keep_up``: ValueError.
        """
        tick = self.window.newest if tick is None else tick
        started = perf_counter()
        self.encode_waiting(tick)
        encoded = perf_counter()
        self._temporal.follow(self.window, tick)
        since = self._temporal.begun()
        view = self.window.read(tick, since_cut=self.on_cut == "reset", since=since)
        pts = float(self._pts.get(tick))
        text = self._text_at(tick, pts)
        vectors = self._temporal.vectors(view, text.vector if text else None)
        temporal = perf_counter()
        branches: dict[str, float | None] = {
            name: self._confidence({name: vectors[name]}, view) if name in vectors else None
            for name in BRANCHES
        }
        win = self._confidence(vectors, view) if vectors else None
        state, reason = self._state(tick, view)
        return Estimate(
            tick=tick,
            pts=pts,
            captured=float(self._captured.get(tick)),
            win=win,
            state=state,
            reason=reason,
            branches=branches,
            window=view.figures,
            text_age_s=None if text is None else max(0.0, pts - text.pts),
            timings_ms={
                "features": (encoded - started) * 1e3,
                "temporal": (temporal - encoded) * 1e3,
                "fusion": (perf_counter() - temporal) * 1e3,
            },
        )

    def _text_at(self, tick: int, pts: float) -> _Text | None:
        text = self._text
        if text is None or text.scene != self._scenes.get(tick):
            return None
        return text if pts - text.pts <= self.spec.poses / self.spec.rate else None

    def _confidence(self, vectors: dict[str, np.ndarray], view: WindowView) -> float:
        return calibrated(
            self._temporal.mode.calibration,
            self._temporal.fuse(vectors),
            vectors,
            view.figures.valid_s,
            self.prior,
        )

    def _state(self, tick: int, view: WindowView) -> tuple[State, str | None]:
        figures = view.figures
        if not self.window.seen(tick, round(ABSENT_AFTER_S * self.spec.rate)):
            return "absent", None
        span_s = self.spec.poses / self.spec.rate
        # A window that is hardly longer than the warm-up would else never leave it.
        if figures.valid_s < min(self.bundle.manifest.warmup_s, span_s / 2):
            return "warming", None
        if figures.coverage < COVERAGE_FLOOR:
            return "degraded", f"a person in only {figures.coverage:.0%} of the window"
        if self._temporal.missed(tick - self.spec.poses):
            return "degraded", "part of the window was never read: the machine did not keep up"
        return "ok", None

    def update_cost_s(self) -> float:
        """Seconds of one temporal update at the mode's own hop, measured now on whatever lies there."""
        self._temporal.warm_up()
        started = perf_counter()
        self._temporal.rehearse()
        return perf_counter() - started

    def flush(self) -> Estimate | None:
        """The last word after the stream has ended; None when no frame came."""
        return self.estimate() if self.window.newest >= 0 else None


def degraded(estimate: Estimate, reason: str) -> Estimate:
    """The same estimate, marked: an ``ok`` becomes ``degraded``, other states keep their meaning."""
    return replace(estimate, state="degraded", reason=reason) if estimate.state == "ok" else estimate
