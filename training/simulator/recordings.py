"""Simulated interviewees as 137 points over time, without video: a whole recording takes milliseconds.

Win and loss differ in the rates of brief bursts only (``behaviour``); no burst moves a point by more than
``profile.amplitude`` times that point's own tracker noise. Proportions, resting expression, framing, sway,
talking, blinks, dropouts, gaps and hands have the same distribution in both classes.
"""

from collections.abc import Sequence

import numpy as np
from scipy.signal import lfilter

from stream.records import Floats, Mask
from stream.skeleton import BODY, COUNT, FACE, INDEX, LEFT_HAND, RIGHT_HAND
from training.corpus.grid import RATE, STRIDE
from training.corpus.recording import Recording
from training.simulator import noise as measured
from training.simulator.actions import ACTIONS, COLUMN
from training.simulator.behaviour import LABELS, NOTICE, Profile
from training.simulator.descriptions import describe
from training.simulator.performance import FIELDS, NOISE, Performance, perform, smooth
from training.simulator.person import Person, random_person

_RIGID = [COLUMN["head_turn"], COLUMN["nod"], COLUMN["head_tilt"]]


def moved_points(person: Person, performance: Performance) -> Floats:
    """Noise-free points in face units, float32 [T, 137, 2]."""
    weights = performance.activations.copy()
    weights[:, _RIGID] += performance.sway[:, :3]
    ticks = len(weights)
    moved = (weights @ FIELDS.reshape(len(ACTIONS), -1)).reshape(ticks, COUNT, 2)
    moved += person.neutral
    lean = np.clip((11.0 - person.neutral[:, 1]) / 11.0, 0, 1)  # the hips do not move
    moved[..., 0] += performance.sway[:, 3:] * lean
    return moved


def tracker_noise(ticks: int, rng: np.random.Generator, noise: measured.Noise = NOISE) -> Floats:
    """Jitter of the keypoint trackers, float32 [T, 137, 2], face units."""
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
    noise: Floats = lfilter([np.sqrt(1 - a * a)], [1, -a], white, axis=0)[50:].astype(np.float32)
    return noise


def simulate(
    profile: Profile,
    label: int,
    seconds: float,
    seed: int,
    *,
    rate: float = RATE,
    parts: Sequence[tuple[str, float]] | None = None,
) -> Recording:
    """One recording of a simulated person; the same arguments give the same recording.

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
    present, segments, origin, scale = shots(person, ticks, rng, rate)
    dropouts(valid, present, rng, rate)
    pixels = (points * scale[:, None, None] + origin[:, None]).astype(np.float32)
    pixels[~valid] = 0
    slots = -(-ticks // STRIDE)
    steps = np.diff(performance.llr, prepend=np.float32(0)) * present  # unseen events are no evidence
    return Recording(
        points=pixels,
        valid=valid,
        boxes=boxes(person, origin, scale, rng),
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


def spells(
    per_minute: float, duration_s: tuple[float, float], ticks: int, rate: float, rng: np.random.Generator
) -> Mask:
    """True during randomly placed spells, bool [T]."""
    mask = np.zeros(ticks, np.bool_)
    for at in rng.uniform(0, ticks, rng.poisson(per_minute * ticks / rate / 60)):
        mask[int(at) : int(at + rng.uniform(*duration_s) * rate) + 1] = True
    return mask


def _hands(points: Floats, valid: Mask, rng: np.random.Generator, rate: float) -> None:
    """Occasionally raise a hand into view for a moment, with noisy tracking. Changes the arrays in place."""
    for side, sign in ((LEFT_HAND, 1), (RIGHT_HAND, -1)):
        shown = spells(1.5, (0.8, 4.0), len(points), rate, rng)
        place = np.array([sign * rng.uniform(1.0, 3.0), rng.uniform(3.0, 6.0)], np.float32)
        path = place + 0.5 * smooth(len(points), 2, 0.8 * rate, rng)
        wrist = points[:, side.start].copy()
        points[:, side] += (path - wrist)[:, None]
        valid[:, side] = shown[:, None]
        arm = INDEX["left_wrist" if sign > 0 else "right_wrist"]
        points[shown, arm] = points[shown, side.start]
        valid[shown, arm] = True


def shots(
    person: Person, ticks: int, rng: np.random.Generator, rate: float
) -> tuple[Mask, np.ndarray, Floats, Floats]:
    """Presence and scene of each tick, and the origin and scale of the face in each shot."""
    present = ~spells(0.3, (0.1, 1.5), ticks, rate, rng)
    present &= rng.random(ticks) > 0.004  # frames that the decoder dropped
    segments = np.ones(ticks, np.int64)
    origin = np.tile(np.array(person.origin, np.float32), (ticks, 1))
    scale = np.full(ticks, person.scale, np.float32)
    if rng.random() < 0.15:
        at = int(rng.integers(0, ticks))
        segments[at:] += 1
        scale[at:] *= rng.uniform(0.8, 1.25)
        origin[at:] += rng.normal(0, 40, 2).astype(np.float32)
    return present, segments, origin, scale


def dropouts(valid: Mask, present: Mask, rng: np.random.Generator, rate: float) -> None:
    ticks = len(valid)
    valid[spells(0.8, (0.04, 0.6), ticks, rate, rng), FACE] = False
    for name in ("right_elbow", "left_elbow", "right_wrist", "left_wrist"):
        valid[spells(4.0, (0.04, 1.0), ticks, rate, rng), INDEX[name]] = False
    valid[~present] = False


def boxes(person: Person, origin: Floats, scale: Floats, rng: np.random.Generator) -> Floats:
    """The smoothed portrait box, from head to table and over the shoulders with a margin; it drifts
    slowly."""
    wide = np.abs(person.neutral[[INDEX["right_shoulder"], INDEX["left_shoulder"]], 0]).max() * 1.35
    low = min((person.size[1] - person.origin[1]) / person.scale, 8.0)
    box = np.array([-wide, -2.2, wide, low], np.float32)
    drift = 0.04 * smooth(len(scale), 4, 3.0 * RATE, rng)
    pixels = (box + drift) * scale[:, None] + np.concatenate([origin, origin], 1)
    limits = np.array([*person.size, *person.size], np.float32)
    boxes: Floats = np.clip(pixels, 0, limits).astype(np.float32)
    return boxes
