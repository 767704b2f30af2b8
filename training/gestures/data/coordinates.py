"""Clips as coordinates: where each point is, whether it is seen, and how it moved since the previous tick."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stream.records import Floats, Mask
from training.gestures.data.sampling import middle, uniform
from training.gestures.data.skeletons import Skeletons
from training.simulator.noise import Noise
from training.simulator.noise import load as load_noise

CHANNELS = 6  # x, y, valid, dx, dy, speed
SHOULDERS = 5.6  # face units a shoulder width: the noise file's unit in ours


@dataclass(frozen=True, slots=True)
class Changes:
    """How a clip is varied in training; 0 leaves it out."""

    flip: float = 0.5
    rotate: float = 10.0  # degrees, to either side
    scale: float = 0.1
    part: float = 0.2  # a stretch of the clip of 1 − part … 1
    drop: float = 0.1  # chance of losing one hand, and of losing the face
    jitter: float = 1.0  # of the tracker's own noise


NOTHING = Changes(0, 0, 0, 0, 0, 0)


@dataclass(frozen=True, slots=True, eq=False)
class Sampled:
    """T ticks of B clips, and the ticks just before them."""

    points: Floats  # float32 [B, T, K, 2], shoulder widths
    valid: Mask  # bool [B, T, K]
    before: Floats  # float32 [B, T, K, 2], the previous tick of each; itself at a clip's start
    before_valid: Mask  # bool [B, T, K]
    flipped: Mask  # bool [B]


def sample(
    skeletons: Skeletons,
    places: NDArray[np.int64],
    ticks: int,
    changes: Changes = NOTHING,
    rng: np.random.Generator | None = None,
) -> Sampled:
    """Ticks of the clips at ``places`` by uniform sampling; without ``rng`` the segments' middles."""
    starts, lengths = skeletons.starts[places], skeletons.lengths[places]
    index = np.empty((len(places), ticks), np.int64)
    for i, length in enumerate(lengths.tolist()):
        if rng is None:
            index[i] = middle(length, ticks)
        else:
            kept = max(round(length * (1 - changes.part * float(rng.random()))), 1)
            index[i] = int(rng.integers(length - kept + 1)) + uniform(kept, ticks, rng)
    here = starts[:, None] + index
    back = starts[:, None] + np.maximum(index - 1, 0)
    found = Sampled(
        skeletons.points[here],
        skeletons.valid[here],
        skeletons.points[back],
        skeletons.valid[back],
        np.zeros(len(places), np.bool_),
    )
    return found if rng is None else _changed(found, skeletons, changes, rng)


def _changed(s: Sampled, skeletons: Skeletons, changes: Changes, rng: np.random.Generator) -> Sampled:
    b = len(s.points)
    flip = rng.random(b) < changes.flip
    angle = np.deg2rad(changes.rotate) * rng.uniform(-1, 1, b)
    size = 1 + changes.scale * rng.uniform(-1, 1, b)
    turn = np.empty((b, 2, 2), np.float32)
    turn[:, 0, 0] = turn[:, 1, 1] = size * np.cos(angle)
    turn[:, 0, 1], turn[:, 1, 0] = size * np.sin(angle), -size * np.sin(angle)
    jitter = np.float32(changes.jitter) * noise_of(skeletons)[:, None]
    mirror = skeletons.set.mirror
    valid, before_valid = s.valid.copy(), s.before_valid.copy()
    points, before = s.points.copy(), s.before.copy()
    points[flip], valid[flip] = mirrored(points[flip], valid[flip], mirror)
    before[flip], before_valid[flip] = mirrored(before[flip], before_valid[flip], mirror)
    for name in ("face", "left_hand", "right_hand"):
        group = list(skeletons.set.groups[name])
        chance = changes.drop if name == "face" else changes.drop / 2
        lost = rng.random(b) < chance
        valid[:, :, group] &= ~lost[:, None, None]
        before_valid[:, :, group] &= ~lost[:, None, None]
    if changes.jitter:
        wobble = rng.standard_normal(points.shape, np.float32) * jitter
        points = points + wobble
        other = rng.standard_normal(points.shape, np.float32) * jitter
        before = np.asarray(before + 0.8 * wobble + 0.6 * other, np.float32)
    points = np.einsum("btkc,bcd->btkd", points, turn)
    before = np.einsum("btkc,bcd->btkd", before, turn)
    return Sampled(points * valid[..., None], valid, before * before_valid[..., None], before_valid, flip)


def mirrored(points: Floats, valid: Mask, mirror: NDArray[np.int64]) -> tuple[Floats, Mask]:
    """The same ticks of the mirrored person; points [..., K, 2] about a centre at x = 0, valid [..., K]."""
    return points[..., mirror, :] * np.array([-1, 1], np.float32), valid[..., mirror]


def noise_of(skeletons: Skeletons, noise: Noise | None = None) -> Floats:
    """Deviation of each point's own jitter, float32 [K], shoulder widths."""
    noise = noise or load_noise()
    chosen = np.array(skeletons.set.points)
    std = np.empty(137, np.float32)
    std[:25], std[25:95], std[95:] = noise.body.std, noise.face.std, noise.hands.std
    return np.asarray(std[chosen] / SHOULDERS, np.float32)


def features(s: Sampled) -> Floats:
    """float32 [B, 6, T, K]: x, y, valid, dx, dy, speed; all zero where a point is not seen."""
    both = s.valid & s.before_valid
    moved = (s.points - s.before) * both[..., None]
    speed = np.linalg.norm(moved, axis=-1)
    found = np.stack(
        [s.points[..., 0], s.points[..., 1], s.valid, moved[..., 0], moved[..., 1], speed],
        1,
        dtype=np.float32,
    )
    return np.asarray(found, np.float32)
