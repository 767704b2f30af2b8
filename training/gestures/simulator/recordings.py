"""A scene as the keypoint chain would report it: tracker noise, lost hands, gaps, cuts, pixels."""

import numpy as np
from numpy.typing import NDArray

from stream.records import Floats, Mask
from stream.skeleton import INDEX, LEFT_HAND, RIGHT_HAND
from training.corpus.grid import RATE, STRIDE
from training.corpus.recording import Recording
from training.gestures.simulator.scenes import Scene, World, act
from training.simulator.behaviour import NOTICE
from training.simulator.recordings import boxes, dropouts, shots, spells, tracker_noise

LOST_HAND = 16.0  # spells a minute in which the tracker has no hand: hands are what trackers are worst at
LOST_HAND_S = (0.2, 2.5)
LOST_WRIST = 0.6  # of such spells in which the arm's wrist is not found either
NEAR_FACE = 0.4  # chance that a hand over the face is not found in a tick
FAST = 0.5  # face units a tick: a hand this fast is blurred and lost half the time


def record(scene: Scene, seed: int) -> Recording:
    """What a tracker says of ``scene``; another seed gives other noise."""
    rng = np.random.default_rng([seed, 1704])
    ticks = len(scene.points)
    points = scene.points + tracker_noise(ticks, rng)
    valid = scene.shown.copy()
    _lose_hands(scene, valid, rng)
    present, segments, origin, scale = _shots(scene, seed)
    dropouts(valid, present, rng, RATE)
    pixels = (points * scale[:, None, None] + origin[:, None]).astype(np.float32)
    pixels[~valid] = 0
    return Recording(
        points=pixels,
        valid=valid,
        boxes=boxes(scene.person, origin, scale, rng),
        present=present & valid.any(-1),
        segments=segments,
        features=None,
        feature_mask=np.zeros(-(-ticks // STRIDE), np.bool_),
        text=None,
        label=scene.result,
        subject=f"gesturing-{seed}",
        llr=None,
        provenance=f"simulator of gestures, seed {seed}; {NOTICE}",
        gestures=scene.rows,
    )


def gesture_recording(seed: int, world: World) -> Recording:
    """The recording of person ``seed``; the same arguments give the same recording."""
    return record(act(seed, world), seed)


def framing(scene: Scene, seed: int) -> tuple[Floats, Floats]:
    """Where the face's origin is in pixels, float32 [T, 2], and pixels per face unit, float32 [T]: as in
    ``record``."""
    _, _, origin, scale = _shots(scene, seed)
    return origin, scale


def _shots(scene: Scene, seed: int) -> tuple[Mask, NDArray[np.int64], Floats, Floats]:
    return shots(scene.person, len(scene.points), np.random.default_rng([seed, 1705]), RATE)


def _lose_hands(scene: Scene, valid: Mask, rng: np.random.Generator) -> None:
    """Spells without a hand, more where it covers the face or moves fast."""
    ticks = len(valid)
    nose = scene.points[:, INDEX["nose"]]
    for span, wrist in ((LEFT_HAND, INDEX["left_wrist"]), (RIGHT_HAND, INDEX["right_wrist"])):
        lost = spells(LOST_HAND * LOST_WRIST, LOST_HAND_S, ticks, RATE, rng)
        valid[lost, wrist] = False
        lost |= spells(LOST_HAND * (1 - LOST_WRIST), LOST_HAND_S, ticks, RATE, rng)
        centre = scene.points[:, span].mean(1)
        near = np.linalg.norm(centre - nose, axis=-1) < 1.6
        speed = np.linalg.norm(np.diff(centre, axis=0, prepend=centre[:1]), axis=-1)
        chance = 0.03 + NEAR_FACE * near + 0.5 * np.clip(speed / FAST, 0, 1)
        valid[lost | (rng.random(ticks) < chance), span] = False
