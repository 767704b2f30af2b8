"""Simulated behaviour: brief actions whose rates, and nothing else, differ between win and loss.

Nothing here describes real people: which action favours which class was chosen by hand.
A burst of an action (see ``actions``) follows a raised cosine of 0.24–0.48 s. Bursts are Poisson events, so
the log-likelihood ratio of the events is exact and the best possible accuracy can be computed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stream.records import Floats

WIN, LOSS = 1, 0
LABELS = {"loss": LOSS, "win": WIN}
BURST_S = (0.24, 0.48)
BLINK_S = (0.16, 0.28)
TWO_SIDED = ("head_turn", "head_tilt")  # to either side with equal probability
NOTICE = "made-up people, no real-world meaning"


@dataclass(frozen=True, slots=True)
class Rate:
    """Bursts of one action per minute in each class."""

    action: str
    win: float
    loss: float


@dataclass(frozen=True, slots=True)
class Profile:
    """A simulated way to behave after winning or losing."""

    name: str
    rates: tuple[Rate, ...]  # informative bursts: their rates differ between the classes
    distractors: tuple[Rate, ...]  # bursts with equal rates in both classes
    amplitude: float  # peak displacement of a burst in units of the tracker's noise
    blinks: float = 14.0  # per minute
    talking: float = 0.2  # share of the time
    sway: float = 0.012  # slow head motion, standard deviation in face units
    window_s: float = 40.0  # length for which the rates were set

    def rate(self, action: str, label: int) -> float:
        """Bursts per minute of one action."""
        for r in (*self.rates, *self.distractors):
            if r.action == action:
                return r.win if label == WIN else r.loss
        return 0.0


def _mirrored(high: float, low: float) -> tuple[Rate, ...]:
    """Three actions that favour win and three that favour loss, equally strongly."""
    win = ("mouth_corners_up", "brow_raise", "nod")
    loss = ("lip_press", "brow_lower", "head_turn")
    return (*(Rate(a, high, low) for a in win), *(Rate(a, low, high) for a in loss))


_DISTRACTORS = (Rate("mouth_corners_down", 3, 3), Rate("head_tilt", 3, 3), Rate("shrug", 3, 3))

STANDARD = Profile("standard", _mirrored(6.0, 3.6), _DISTRACTORS, amplitude=2.0)
# The demo's bursts must survive compression and be visible, so they are stronger and more frequent.
DEMO = replace(STANDARD, name="demo", rates=_mirrored(18.0, 2.0), amplitude=14.0, sway=0.02)
# For studies that train many small models from labels alone, one bit per video.
PLAIN = replace(STANDARD, name="plain", rates=_mirrored(14.0, 3.5), amplitude=14.0)
PROFILES = {profile.name: profile for profile in (STANDARD, PLAIN, DEMO)}


@dataclass(frozen=True, slots=True)
class Event:
    """One burst; its time is that of its peak."""

    action: str
    start: float  # seconds
    duration: float  # seconds
    strength: float  # share of the profile's amplitude, −1..1; negative: to the other side

    @property
    def peak(self) -> float:
        return self.start + self.duration / 2


def schedule(profile: Profile, label: int, seconds: float, rng: np.random.Generator) -> list[Event]:
    """Bursts with peaks in [0, seconds), sorted by time; every action is an independent Poisson process."""
    events = []
    for r in (*profile.rates, *profile.distractors):
        rate = r.win if label == WIN else r.loss
        events += _bursts(r.action, rate, seconds, BURST_S, rng)
    events += _bursts("blink", profile.blinks, seconds, BLINK_S, rng)
    return sorted(events, key=lambda e: e.start)


def _bursts(
    action: str, per_minute: float, seconds: float, duration_s: tuple[float, float], rng: np.random.Generator
) -> list[Event]:
    peaks = rng.uniform(0, seconds, rng.poisson(per_minute * seconds / 60))
    lengths = rng.uniform(*duration_s, len(peaks))
    strengths = rng.uniform(0.75, 1.0, len(peaks))
    if action in TWO_SIDED:
        strengths *= rng.choice((-1.0, 1.0), len(peaks))
    return [
        Event(action, float(p - d / 2), float(d), float(s))
        for p, d, s in zip(peaks, lengths, strengths, strict=True)
    ]


def parts_schedule(
    profile: Profile, parts: Sequence[tuple[str, float]], rng: np.random.Generator
) -> list[Event]:
    """Schedule of several labelled stretches in sequence, e.g. ``(("loss", 30), ("win", 60))``."""
    events, at = [], 0.0
    for label, seconds in parts:
        for e in schedule(profile, LABELS[label], seconds, rng):
            events.append(replace(e, start=e.start + at))
        at += seconds
    return events


def log_likelihood_ratio(profile: Profile, events: Sequence[Event], t0: float, t1: float) -> float:
    """Exact log p(events | win) − log p(events | loss) of the bursts with a peak in [t0, t1)."""
    value = 0.0
    for r in profile.rates:
        count = sum(1 for e in events if e.action == r.action and t0 <= e.peak < t1)
        value += count * float(np.log(r.win / r.loss)) - (r.win - r.loss) * (t1 - t0) / 60
    return value


def llr_steps(profile: Profile, events: Sequence[Event], ticks: int, rate: float) -> Floats:
    """Contribution of each tick to the log-likelihood ratio, float64 [ticks]."""
    steps = np.full(ticks, -sum(r.win - r.loss for r in profile.rates) / 60 / rate)
    weight = {r.action: float(np.log(r.win / r.loss)) for r in profile.rates}
    for e in events:
        tick = int(e.peak * rate)
        if e.action in weight and 0 <= tick < ticks:
            steps[tick] += weight[e.action]
    return steps


def bayes_ceiling(profile: Profile, seconds: float, n: int, rng: np.random.Generator) -> float:
    """Balanced accuracy of the sign of the exact log-likelihood ratio over ``n`` draws of each class."""
    weight = np.array([np.log(r.win / r.loss) for r in profile.rates])
    drift = sum(r.win - r.loss for r in profile.rates) * seconds / 60
    accuracies = []
    for sign, rates in ((1, [r.win for r in profile.rates]), (-1, [r.loss for r in profile.rates])):
        counts = rng.poisson(np.array(rates) * seconds / 60, (n, len(rates)))
        value = sign * (counts @ weight - drift)
        accuracies.append(np.mean(value > 1e-9) + 0.5 * np.mean(np.abs(value) <= 1e-9))
    return float(np.mean(accuracies))


def envelope(event: Event, times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Raised cosine of a burst at ``times`` (seconds), 0 outside."""
    phase = (times - event.start) / event.duration
    inside = (phase > 0) & (phase < 1)
    return np.where(inside, 0.5 - 0.5 * np.cos(2 * np.pi * phase), 0.0) * event.strength
