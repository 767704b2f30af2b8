"""How fast this machine is at what costs the most, and what mode and hop that is enough for."""

import time

import numpy as np

from stream.branches import modes
from stream.bundle.load import Bundle
from stream.bundle.manifest import Record
from stream.capture.capture import Capture
from stream.capture.source import Source
from stream.frontend.mediapipe import embedded
from stream.runtime.pace import DUTY, live_hop

PROBE_S = 4.0  # of pictures; the updates take what they take


class Speed(Record, frozen=True, kw_only=True):
    """What was measured, and what follows."""

    frames: int
    front_end_ms: dict[str, float]  # p50, p99 of a frame: subject and 137 points
    update_ms: float  # of the mode, at its own hop
    mode: modes.Name
    hop: int  # ticks between estimates
    keeps_up: bool  # with the bundle's rate
    why: str


def measure(bundle: Bundle, seconds: float = PROBE_S) -> Speed:
    """The front end on the demo clip, then one update of the mode that `watch` takes for the bundle.

    Raises ModelError when the keypoint networks are missing, SourceError when the clip cannot be decoded.
    """
    took = _front_end(seconds)
    temporal = modes.load(bundle, modes.choose(bundle), provider="cpu", threads=1)
    temporal.warm_up()
    started = time.perf_counter()
    temporal.rehearse()
    return advice(bundle, took, time.perf_counter() - started)


def advice(bundle: Bundle, took_ms: list[float], update_s: float) -> Speed:
    """What times of frames and of an update mean for a live source."""
    mode = modes.choose(bundle)
    rate, hop = bundle.manifest.window.rate, bundle.manifest.modes[mode].hop
    p50, p99 = (float(np.quantile(took_ms, q)) if took_ms else float("inf") for q in (0.5, 0.99))
    wanted, keeps_up = live_hop(hop, update_s, rate), p50 < 1e3 / rate
    update = f"an update takes {update_s * 1e3:.0f} ms and may take {DUTY:.0%} of a core"
    if wanted > hop:
        every = f"{update}: every {wanted} ticks instead of the bundle's {hop}"
    else:
        every = f"{update}: the bundle's own hop holds"
    frames = f"a frame takes {p50:.0f} ms of {1e3 / rate:.0f}: " + (
        "every frame is used" if keeps_up else "the newest is used, others are dropped and counted"
    )
    return Speed(
        frames=len(took_ms),
        front_end_ms={"p50": round(p50, 1), "p99": round(p99, 1)},
        update_ms=round(update_s * 1e3, 1),
        mode=mode,
        hop=wanted,
        keeps_up=keeps_up,
        why=f"{frames}; {every}",
    )


def _front_end(seconds: float) -> list[float]:
    """Milliseconds of each frame."""
    front_end = embedded.from_cache()
    took: list[float] = []
    with Capture(Source.parse("demo"), pace="fast") as capture:
        capture.open()
        deadline = time.monotonic() + seconds
        for frame in capture.frames(lambda: time.monotonic() >= deadline):
            started = time.perf_counter()
            front_end.push(frame)
            took.append((time.perf_counter() - started) * 1e3)
    return took
