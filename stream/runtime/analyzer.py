"""The two lanes: ``observe`` writes one tick, ``estimate`` reads all ticks ≤ T.

The same observations and the same T give the same number, whether ``estimate`` is called inline (file) or
from a slower lane beside ``observe`` (live). Nothing here knows a thread, a socket or a clock.
"""

import math
from time import perf_counter
from typing import Protocol

from stream.branches import modes
from stream.branches.calibration import calibrated_logit, informative, prior_logit, sigmoid
from stream.branches.evidence import shapley, subsets
from stream.branches.image import ImageEncoder
from stream.branches.text import TextReader
from stream.bundle.load import Bundle
from stream.bundle.manifest import BRANCHES
from stream.bundle.manifest import Window as WindowSpec
from stream.frontend.front_end import FrontEnd, Sighting
from stream.frontend.mediapipe import embedded
from stream.records import Estimate, Floats, Frame, Observation
from stream.runtime import shedding, states
from stream.runtime.portrait_queue import PortraitQueue
from stream.runtime.text_slot import TextSlot
from stream.window.grid import Grid
from stream.window.tick_times import TickTimes
from stream.window.window import Window, WindowView


class Seeing(Protocol):
    """What an analyzer needs of a front end; see `stream.frontend.front_end.FrontEnd`."""

    def push(self, frame: Frame) -> Sighting: ...

    def reset(self) -> None: ...


class Analyzer:
    """One person's running estimate from frames that you bring.

    ``observe`` every frame in order, ``estimate`` whenever you want a number; each may run in a thread of its
    own. ::

        analyzer = Analyzer(Bundle.demo())
        for index, image in enumerate(images):  # uint8 [H, W, 3], RGB
            analyzer.observe(Frame(index, pts=index / 25, captured=time.monotonic(), image=image))
        print(analyzer.estimate().win)
    """

    def __init__(
        self,
        bundle: Bundle,
        front_end: Seeing | None = None,
        *,
        mode: str = "auto",
        on_cut: str = "keep",
        provider: str = "cpu",
        threads: int = 1,
        prior: float | None = None,
        encoder: ImageEncoder | None = None,
    ) -> None:
        """``front_end`` None: the embedded keypoint networks. ``mode``: ``full``, ``ring``, or ``auto``,
        which is ring where the bundle has it. ``on_cut``: what happens to history at a cut or a change of
        person: ``keep``, ``decay`` (ring mode) or ``reset``. ``encoder`` replaces the bundle's image encoder.

        Raises UsageError for a mode that the bundle does not have or a policy that the mode cannot follow,
        and ModelError when the embedded networks are needed and missing.
        """
        manifest = bundle.manifest
        self.bundle = bundle
        self.mode = modes.choose(bundle, mode)
        self.on_cut = modes.cut_policy(on_cut, self.mode)
        self.prior = manifest.prior if prior is None else prior
        self.grid = Grid(self.spec.rate)
        self.window = Window(self.spec, manifest.image.dim if manifest.image else 0)
        self._times = TickTimes(self.window.rows)
        self._front_end = embedded.from_cache() if front_end is None else front_end
        self._temporal = modes.load(bundle, self.mode, self.on_cut, provider=provider, threads=threads)
        if encoder is None and manifest.image is not None:
            encoder = ImageEncoder(bundle, manifest.image, provider=provider, threads=threads)
        self._portraits = PortraitQueue(encoder, self.spec.stride) if encoder else None
        reader = TextReader(bundle, manifest.text) if manifest.text else None
        self._text = TextSlot(reader, self.spec.poses / self.spec.rate)
        self._scene = 0  # of the newest observation

    @property
    def spec(self) -> WindowSpec:
        """The window's rate and lengths."""
        return self.bundle.manifest.window

    @property
    def late(self) -> int:
        """Frames whose tick an earlier frame had."""
        return self.grid.late

    @property
    def shed(self) -> int:
        """Portraits dropped since the start because the image encoder did not keep up."""
        return self._portraits.shed if self._portraits else 0

    @property
    def waiting(self) -> int:
        """Portraits that wait for the image encoder."""
        return self._portraits.waiting if self._portraits else 0

    def relieve(self, level: int) -> None:
        """Leave out what `stream.runtime.shedding` names for ``level``; 0: nothing. From any thread."""
        if self._portraits is not None:
            self._portraits.every = 2 if level >= shedding.FEATURES else 1
        if isinstance(self._front_end, FrontEnd):
            self._front_end.leave_hands(level >= shedding.HANDS)

    def reset(self) -> None:
        """Forget everything; the next frame starts a new window."""
        self.grid = Grid(self.spec.rate)
        self.window.reset()
        self._temporal.reset()
        self._front_end.reset()  # and with it a new scene: a description of the old one is not used
        self._text.clear()
        if self._portraits is not None:
            self._portraits.reset()

    # -- fast lane ---------------------------------------------------------------------------------

    def observe(self, frame: Frame) -> Observation | None:
        """Write one tick; None when an earlier frame has the tick already."""
        tick = self.grid.claim(frame.pts, frame.discontinuity)
        if tick is None:
            return None
        sighting = self._front_end.push(frame)
        timings = dict(sighting.timings_ms)
        started = perf_counter()
        if sighting.portrait is not None and self._portraits is not None and self._portraits.wants(tick):
            self._portraits.offer(tick, frame, sighting.portrait)
            timings["crop"] = 1e3 * (perf_counter() - started)
        self._scene = sighting.scene
        self._times.put(tick, frame.pts, frame.captured)
        self.window.push(tick, sighting.portrait, sighting.pose, sighting.scene)
        timings["window"] = 1e3 * (perf_counter() - started) - timings.get("crop", 0.0)
        return Observation(
            tick=tick,
            pts=frame.pts,
            captured=frame.captured,
            portrait=sighting.portrait,
            pose=sighting.pose,
            timings_ms=timings,
            scene=sighting.scene,
            happened=frame.happened,
        )

    # -- slow lane ---------------------------------------------------------------------------------

    def describe(self, description: str | None, pts: float, scene: int | None = None) -> None:
        """Give the text branch its newest description; None or an empty one takes it away.

        It describes the media second ``pts`` of ``scene`` (of an Observation; None: the present one), and
        counts in estimates of that scene whose window reaches back to ``pts``.
        """
        self._text.put(description, pts, self._scene if scene is None else scene, self._temporal)

    def keep_up(self, tick: int) -> None:
        """Do pending work up to ``tick`` now, so the next estimate is cheaper."""
        if self._portraits is not None:
            self._portraits.encode(self.window, tick)
        self._temporal.follow(self.window, tick)

    def estimate(self, tick: int | None = None) -> Estimate:
        """What all ticks ≤ ``tick`` (default: the newest) say. At least one frame must have been observed.

        In ring mode ``tick`` must not go back, here and in ``keep_up``: ValueError.
        """
        tick = self.window.newest if tick is None else tick
        started = perf_counter()
        if self._portraits is not None:
            self._portraits.encode(self.window, tick)
        encoded = perf_counter()
        self._temporal.follow(self.window, tick)
        since = self._temporal.memory_start()
        view = self.window.read(tick, since_cut=self.on_cut == "reset", since=since)
        pts, captured = self._times.get(tick)
        text = self._text.at(pts, self.window.scene(tick))
        vectors = self._informative(self._temporal.vectors(view, text.vector if text else None), view)
        temporal = perf_counter()
        logits = {s: self._logit({n: vectors[n] for n in s}, view) for s in subsets(tuple(vectors))}
        finite = all(map(math.isfinite, logits.values()))
        state, reason = states.of_window(self._facts(tick, view, finite=finite))
        alone = {name: logits.get(frozenset((name,)), math.nan) for name in BRANCHES}
        known = finite and bool(vectors)
        return Estimate(
            tick=tick,
            pts=pts,
            captured=captured,
            win=sigmoid(logits[frozenset(vectors)]) if known else None,
            state=state,
            reason=reason,
            branches={name: sigmoid(x) if math.isfinite(x) else None for name, x in alone.items()},
            evidence=shapley(logits, prior_logit(self.prior)) if known else None,
            window=view.figures,
            text_age_s=None if text is None else max(0.0, pts - text.pts),
            timings_ms={
                "features": 1e3 * (encoded - started),
                "temporal": 1e3 * (temporal - encoded),
                "fusion": 1e3 * (perf_counter() - temporal),
            },
        )

    def _informative(self, vectors: dict[str, Floats], view: WindowView) -> dict[str, Floats]:
        """The branches that have evidence after so many seconds; the others count as absent."""
        calibration, valid_s = self._temporal.mode.calibration, view.figures.valid_s
        return {name: v for name, v in vectors.items() if informative(calibration, name, valid_s)}

    def _logit(self, vectors: dict[str, Floats], view: WindowView) -> float:
        """Calibrated log-odds of win with these branches alone."""
        logit = self._temporal.fuse(vectors)
        calibration = self._temporal.mode.calibration
        return calibrated_logit(calibration, logit, vectors, view.figures.valid_s, self.prior)

    def _facts(self, tick: int, view: WindowView, *, finite: bool) -> states.Facts:
        rate = self.spec.rate
        span_s = self.spec.poses / rate
        recent = tick - round(states.SHED_SPAN_S * rate)
        return states.Facts(
            visible=self.window.seen(tick, round(states.ABSENT_AFTER_S * rate)),
            valid_s=view.figures.valid_s,
            # A window that is hardly longer than the warm-up would otherwise never leave it.
            needed_s=min(self.bundle.manifest.warmup_s, span_s / 2),
            coverage=view.figures.coverage,
            finite=finite,
            complete=not self._temporal.has_missed(tick - self.spec.poses),
            intact=self.window.intact(tick),
            shed=self._portraits.shed_since(recent) if self._portraits else 0,
        )

    def update_cost_s(self) -> float:
        """Seconds of one temporal update at the mode's own hop, measured now on the window as it is."""
        self._temporal.warm_up()
        started = perf_counter()
        self._temporal.rehearse()
        return perf_counter() - started

    def flush(self) -> Estimate | None:
        """The last estimate after the stream has ended; None when no frame came."""
        return self.estimate() if self.window.newest >= 0 else None
