"""Cuts in released skeletons, which come without pictures: where the points jump as nobody can move.

The live side sees a cut in the pictures. Without them a cut is a change of place or size from one tick to the
next, of everything that was seen on both sides: a quick turn of the head leaves the trunk where it is.
"""

import numpy as np

from stream.records import Floats, Mask
from stream.skeleton import FACE, INDEX

JUMP = 0.05  # of the box in one tick, median over points: 1.25 boxes a second, some 0.7 m/s
GROWN = 1.25  # change of size, either way
GAP = 2  # a tick without anybody doubles JUMP, and longer gaps do no more
ENOUGH = 5  # points that were seen on both sides; with fewer nothing is said
TRUNK = [INDEX[name] for name in ("neck", "right_shoulder", "left_shoulder", "mid_hip")]


def cuts(points: Floats, valid: Mask, box: Floats) -> Mask:
    """Ticks that do not continue the last one with somebody in it, bool [T].

    points: float32 [T, 137, 2] in frame pixels, finite where valid, bool [T, 137]; box: float32 [4].
    Body and face count; hands are lost and found too often.
    """
    found = np.zeros(len(points), np.bool_)
    points, valid = points[:, : FACE.stop] / np.maximum(box[2:] - box[:2], 1), valid[:, : FACE.stop]
    seen = np.flatnonzero(valid.any(-1))
    before, now = seen[:-1], seen[1:]
    both = valid[before] & valid[now]
    enough = both.sum(-1) >= ENOUGH
    before, now, both = before[enough], now[enough], both[enough]
    if not len(now):
        return found
    old, new = (np.where(both[..., None], points[at], np.nan) for at in (before, now))
    moved = np.linalg.norm(new - old, axis=-1)
    far = JUMP * np.minimum(now - before, GAP)
    trunk = np.where(both[:, TRUNK], moved[:, TRUNK], np.inf).min(-1)  # infinite where it was not seen
    jumped = (np.nanmedian(moved, axis=-1) > far) & (trunk > far)
    grown = np.abs(np.log(_size(new) / _size(old))) > np.log(GROWN)
    found[now] = jumped | grown
    return found


def _size(points: Floats) -> Floats:
    """Median distance of the points from their middle, [N]; points: [N, K, 2], NaN where not seen."""
    middle = np.nanmedian(points, axis=1, keepdims=True)
    size = np.nanmedian(np.linalg.norm(points - middle, axis=-1), axis=-1)
    return np.asarray(np.maximum(size, 1e-6), np.float32)
