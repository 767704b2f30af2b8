"""The motion of a simulated person, tick by tick: bursts, blinks, talking and slow head motion.

No burst moves a point by more than ``profile.amplitude`` times that point's own tracker noise.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from stream.records import Floats
from stream.skeleton import BODY, COUNT, FACE, HANDS
from training.corpus.grid import RATE
from training.simulator import noise as measured
from training.simulator.actions import ACTIONS, COLUMN, displacement
from training.simulator.behaviour import Event, Profile, envelope, llr_steps, parts_schedule
from training.simulator.person import TEMPLATE

BLINK, TALK = 0.13, 0.05  # face units


def fields() -> Floats:
    """Displacement of every template point by every action, float32 [A, 137, 2], face units."""
    return np.stack([displacement(action, TEMPLATE) for action in ACTIONS])


FIELDS = fields()
NOISE = measured.load()


def noise_std(noise: measured.Noise = NOISE) -> Floats:
    """Standard deviation of each point's jitter per coordinate, float32 [137], face units."""
    std = np.empty(COUNT, np.float32)
    std[BODY], std[FACE], std[HANDS] = noise.body.std, noise.face.std, noise.hands.std
    return std


def amplitudes(profile: Profile, noise: measured.Noise = NOISE) -> Floats:
    """Peak activation of each action's bursts, float32 [A]: no point exceeds amplitude × its noise."""
    std = noise_std(noise)
    moved = np.linalg.norm(FIELDS, axis=-1)
    moved[:, HANDS] = 0
    peaks: Floats = profile.amplitude / (moved / std).max(1)
    peaks[COLUMN["blink"]], peaks[COLUMN["talk"]] = BLINK, TALK
    return peaks.astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Performance:
    """The events and motion of a simulated person, tick by tick."""

    events: list[Event]
    activations: Floats  # float32 [T, A], bursts, blinks and talking, face units
    sway: Floats  # float32 [T, 4]: head yaw, pitch, roll, lean of the body; face units
    llr: Floats  # float32 [T], running log-likelihood ratio of win


def perform(
    profile: Profile, parts: Sequence[tuple[str, float]], rng: np.random.Generator, rate: float = RATE
) -> Performance:
    """Draw events and motion for labelled stretches, e.g. ``(("loss", 30.0), ("win", 60.0))``."""
    ticks = round(sum(seconds for _, seconds in parts) * rate)
    times = np.arange(ticks) / rate
    events = parts_schedule(profile, parts, rng)
    peaks = amplitudes(profile)
    activations = np.zeros((ticks, len(ACTIONS)), np.float32)
    for e in events:
        first, last = max(0, int(e.start * rate)), min(ticks, int((e.start + e.duration) * rate) + 2)
        at = times[first:last]
        activations[first:last, COLUMN[e.action]] += envelope(e, at) * peaks[COLUMN[e.action]]
    activations[:, COLUMN["blink"]] = np.minimum(activations[:, COLUMN["blink"]], BLINK)
    activations[:, COLUMN["talk"]] = talking(profile.talking, ticks, rate, rng) * peaks[COLUMN["talk"]]
    sway = smooth(ticks, 4, 2.5 * rate, rng) * (profile.sway * np.array([1.0, 0.8, 0.3, 1.5], np.float32))
    return Performance(
        events=events,
        activations=activations,
        sway=sway.astype(np.float32),
        llr=np.cumsum(llr_steps(profile, events, ticks, rate)).astype(np.float32),
    )


def smooth(ticks: int, columns: int, time: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Unit-variance slow motion, [ticks, columns]: white noise through two one-pole filters."""
    a = float(np.exp(-1 / (time / 2)))
    warm = int(6 * time)
    x = rng.standard_normal((ticks + warm, columns))
    y: NDArray[np.float64] = lfilter([1 - a], [1, -a], lfilter([1 - a], [1, -a], x, axis=0), axis=0)[warm:]
    slow: NDArray[np.float64] = y / np.sqrt((1 - a) ** 4 * (1 + a**2) / (1 - a**2) ** 3)
    return slow


def talking(share: float, ticks: int, rate: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Opening of the jaw, 0..1: syllables at 3–5 Hz in phrases of a few seconds."""
    phrase = smooth(ticks, 1, 2.0 * rate, rng)[:, 0] > np.quantile(rng.standard_normal(4001), 1 - share)
    gate: NDArray[np.float64] = lfilter([0.2], [1, -0.8], phrase.astype(float))
    phase = np.cumsum(rng.uniform(3.0, 5.0) / rate * (1 + 0.3 * rng.standard_normal(ticks)))
    size = np.abs(smooth(ticks, 1, 0.4 * rate, rng)[:, 0])
    jaw: NDArray[np.float64] = gate * np.clip(size, 0, 2) / 2 * (0.5 - 0.5 * np.cos(2 * np.pi * phase))
    return jaw
