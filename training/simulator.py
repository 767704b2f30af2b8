"""Made-up interviewees as 137 points over time: no video, a whole recording in milliseconds.

What tells win from loss are the rates of brief bursts (``behaviour``); no burst moves a point by more than
``profile.amplitude`` times that point's own tracker noise. Proportions, resting expression, framing, sway,
talking, blinks, dropouts, gaps and hands are drawn alike for both classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter

from stream.records import Floats, Mask
from stream.skeleton import BODY, COUNT, FACE, HANDS, INDEX, LEFT_HAND, RIGHT_HAND
from training import noise as measured
from training.behaviour import (
    ACTIONS,
    COLUMN,
    LABELS,
    NOTICE,
    Event,
    Profile,
    displacement,
    envelope,
    llr_steps,
    parts_schedule,
)
from training.corpus import Recording
from training.descriptions import describe
from training.person import TEMPLATE, Person, random_person

RATE = 25.0
STRIDE = 5  # ticks a feature slot
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
    peaks = profile.amplitude / (moved / std).max(1)
    peaks[COLUMN["blink"]], peaks[COLUMN["talk"]] = BLINK, TALK
    return peaks.astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Performance:
    """What a made-up person does, tick by tick."""

    events: list[Event]
    activations: Floats  # float32 [T, A], bursts, blinks and talking, face units
    sway: Floats  # float32 [T, 4]: head yaw, pitch, roll, lean of the body; face units
    llr: Floats  # float32 [T], running total


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
    sway = smooth(ticks, 4, 2.5 * rate, rng) * (profile.sway * np.float32([1.0, 0.8, 0.3, 1.5]))
    return Performance(
        events=events,
        activations=activations,
        sway=sway.astype(np.float32),
        llr=np.cumsum(llr_steps(profile, events, ticks, rate)).astype(np.float32),
    )


def smooth(ticks: int, columns: int, time: float, rng: np.random.Generator) -> Floats:
    """Unit-variance slow motion, [ticks, columns]: noise through two one-pole filters."""
    a = float(np.exp(-1 / (time / 2)))
    warm = int(6 * time)
    x = rng.standard_normal((ticks + warm, columns))
    y = lfilter([1 - a], [1, -a], lfilter([1 - a], [1, -a], x, axis=0), axis=0)[warm:]
    return y / np.sqrt((1 - a) ** 4 * (1 + a**2) / (1 - a**2) ** 3)


def talking(share: float, ticks: int, rate: float, rng: np.random.Generator) -> Floats:
    """How far the jaw is open, 0..1: syllables at 3–5 Hz in phrases of some seconds."""
    phrase = smooth(ticks, 1, 2.0 * rate, rng)[:, 0] > np.quantile(rng.standard_normal(4001), 1 - share)
    gate = lfilter([0.2], [1, -0.8], phrase.astype(float))
    phase = np.cumsum(rng.uniform(3.0, 5.0) / rate * (1 + 0.3 * rng.standard_normal(ticks)))
    size = np.abs(smooth(ticks, 1, 0.4 * rate, rng)[:, 0])
    return gate * np.clip(size, 0, 2) / 2 * (0.5 - 0.5 * np.cos(2 * np.pi * phase))


_RIGID = [COLUMN["head_turn"], COLUMN["nod"], COLUMN["head_tilt"]]


def moved_points(person: Person, performance: Performance) -> Floats:
    """Noise-free points in face units, float32 [T, 137, 2]."""
    weights = performance.activations.copy()
    weights[:, _RIGID] += performance.sway[:, :3]
    ticks = len(weights)
    moved = (weights @ FIELDS.reshape(len(ACTIONS), -1)).reshape(ticks, COUNT, 2)
    moved += person.neutral
    lean = np.clip((11.0 - person.neutral[:, 1]) / 11.0, 0, 1)  # the seat stays where it is
    moved[..., 0] += performance.sway[:, 3:] * lean
    return moved


def tracker_noise(ticks: int, rng: np.random.Generator, noise: measured.Noise = NOISE) -> Floats:
    """Jitter of the keypoint chain, float32 [T, 137, 2], face units."""
    jitter = np.empty((ticks, COUNT, 2), np.float32)
    for points, n in ((BODY, noise.body), (LEFT_HAND, noise.hands), (RIGHT_HAND, noise.hands)):
        own = autoregressive(ticks, (points.stop - points.start, 2), n.correlation, rng)
        common = autoregressive(ticks, (1, 2), n.correlation, rng)
        jitter[:, points] = n.std * (np.sqrt(1 - n.common) * own + np.sqrt(n.common) * common)
    modes = autoregressive(ticks, (len(noise.face.modes),), noise.face.correlation, rng)
    rest = autoregressive(ticks, noise.face.own.shape, noise.face.correlation, rng)
    shared = modes @ noise.face.modes.reshape(len(noise.face.modes), -1)
    jitter[:, FACE] = shared.reshape(rest.shape) + rest * noise.face.own
    return jitter


def autoregressive(ticks: int, shape: tuple[int, ...], a: float, rng: np.random.Generator) -> Floats:
    """Unit-variance AR(1) noise with coefficient ``a``, float32 [T, *shape]."""
    white = rng.standard_normal((ticks + 50, *shape), np.float32)
    return lfilter([np.sqrt(1 - a * a)], [1, -a], white, axis=0)[50:].astype(np.float32)


def simulate(
    profile: Profile,
    label: int,
    seconds: float,
    seed: int,
    *,
    rate: float = RATE,
    parts: Sequence[tuple[str, float]] | None = None,
) -> Recording:
    """One recording of a made-up person; the same arguments give the same recording.

    ``parts`` overrides label and seconds with labelled stretches; ``label`` then only names the recording.
    """
    rng = np.random.default_rng([seed, 137])
    if parts is None:
        parts = ((next(name for name, value in LABELS.items() if value == label), seconds),)
    person = random_person(rng)
    performance = perform(profile, parts, rng, rate)
    ticks = len(performance.activations)
    points = moved_points(person, performance) + tracker_noise(ticks, rng)
    valid = np.broadcast_to(person.seen, (ticks, COUNT)).copy()
    _hands(points, valid, rng, rate)
    present, segments, origin, scale = _shots(person, ticks, rng, rate)
    _dropouts(valid, present, rng, rate)
    pixels = (points * scale[:, None, None] + origin[:, None]).astype(np.float32)
    pixels[~valid] = 0
    slots = -(-ticks // STRIDE)
    steps = np.diff(performance.llr, prepend=np.float32(0)) * present  # what nobody saw says nothing
    return Recording(
        points=pixels,
        valid=valid,
        boxes=_boxes(person, origin, scale, rng),
        present=present,
        segments=segments,
        features=None,
        feature_mask=np.zeros(slots, np.bool_),
        text=describe(performance.events, rng),
        label=label,
        subject=f"simulated-{seed}",
        llr=np.cumsum(steps, dtype=np.float64).astype(np.float32),
        provenance=f"simulator, profile {profile.name}, seed {seed}; {NOTICE}",
    )


def _spells(
    per_minute: float, lasting_s: tuple[float, float], ticks: int, rate: float, rng: np.random.Generator
) -> Mask:
    """True during randomly placed spells, bool [T]."""
    mask = np.zeros(ticks, np.bool_)
    for at in rng.uniform(0, ticks, rng.poisson(per_minute * ticks / rate / 60)):
        mask[int(at) : int(at + rng.uniform(*lasting_s) * rate) + 1] = True
    return mask


def _hands(points: Floats, valid: Mask, rng: np.random.Generator, rate: float) -> None:
    """Hands rise into view for a moment now and then, tracked badly."""
    for side, sign in ((LEFT_HAND, 1), (RIGHT_HAND, -1)):
        shown = _spells(1.5, (0.8, 4.0), len(points), rate, rng)
        place = np.float32([sign * rng.uniform(1.0, 3.0), rng.uniform(3.0, 6.0)])
        place = place + 0.5 * smooth(len(points), 2, 0.8 * rate, rng)
        wrist = points[:, side.start].copy()
        points[:, side] += (place - wrist)[:, None]
        valid[:, side] = shown[:, None]
        arm = INDEX["left_wrist" if sign > 0 else "right_wrist"]
        points[shown, arm] = points[shown, side.start]
        valid[shown, arm] = True


def _shots(
    person: Person, ticks: int, rng: np.random.Generator, rate: float
) -> tuple[Mask, np.ndarray, Floats, Floats]:
    """Who is in the picture when, cuts, and where the face's origin is in each shot."""
    present = ~_spells(0.3, (0.1, 1.5), ticks, rate, rng)
    present &= rng.random(ticks) > 0.004  # frames that the decoder dropped
    segments = np.ones(ticks, np.int64)
    origin = np.tile(np.float32(person.origin), (ticks, 1))
    scale = np.full(ticks, person.scale, np.float32)
    if rng.random() < 0.15:
        at = int(rng.integers(0, ticks))
        segments[at:] += 1
        scale[at:] *= rng.uniform(0.8, 1.25)
        origin[at:] += np.float32(rng.normal(0, 40, 2))
    return present, segments, origin, scale


def _dropouts(valid: Mask, present: Mask, rng: np.random.Generator, rate: float) -> None:
    ticks = len(valid)
    valid[_spells(0.8, (0.04, 0.6), ticks, rate, rng), FACE] = False
    for name in ("right_elbow", "left_elbow", "right_wrist", "left_wrist"):
        valid[_spells(4.0, (0.04, 1.0), ticks, rate, rng), INDEX[name]] = False
    valid[~present] = False


def _boxes(person: Person, origin: Floats, scale: Floats, rng: np.random.Generator) -> Floats:
    """The steadied portrait box: head to table, shoulders with a margin; it creeps a little."""
    wide = np.abs(person.neutral[[INDEX["right_shoulder"], INDEX["left_shoulder"]], 0]).max() * 1.35
    low = min((person.size[1] - person.origin[1]) / person.scale, 8.0)
    box = np.float32([-wide, -2.2, wide, low])
    creep = 0.04 * smooth(len(scale), 4, 3.0 * RATE, rng)
    pixels = (box + creep) * scale[:, None] + np.concatenate([origin, origin], 1)
    limits = np.float32([*person.size, *person.size])
    return np.clip(pixels, 0, limits).astype(np.float32)
