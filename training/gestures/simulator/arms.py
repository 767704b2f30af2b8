"""Arms and hands: an elbow by two-bone inverse kinematics in space, and 21 hand points at a wrist."""

import numpy as np
from numpy.typing import NDArray

from stream.records import Floats
from stream.skeleton import LEFT_HAND
from training.simulator.person import TEMPLATE

Values = NDArray[np.float64]

UPPER, FORE = 4.8, 4.0  # length of the bones, face units
HAND = 2.6  # from the wrist to about where a curled hand touches, face units
# The hand that the neutral person has: the left one, pointing up, wrist at the origin.
_LEFT: Floats = (TEMPLATE[LEFT_HAND] - TEMPLATE[LEFT_HAND.start]).astype(np.float32)


def two_bone(shoulder: Values, wrist: Values, upper: float, fore: float, pole: Values) -> Values:
    """The elbow, float64 [T, 3]: ``upper`` from the shoulder, ``fore`` from the wrist, towards ``pole``.

    shoulder, wrist: [T, 3]; pole: [3], where an elbow rather goes. Where the wrist is out of reach the arm is
    straight, and the bones keep their ratio instead of their length.
    """
    across = wrist - shoulder
    apart = np.maximum(np.linalg.norm(across, axis=-1, keepdims=True), 1e-6)
    along = across / apart
    reach = np.clip(apart, abs(upper - fore) + 1e-6, upper + fore)
    share = (upper**2 - fore**2 + reach**2) / (2 * reach)
    height = np.sqrt(np.maximum(upper**2 - share**2, 0))
    aside = pole - (along @ pole)[..., None] * along
    aside /= np.maximum(np.linalg.norm(aside, axis=-1, keepdims=True), 1e-6)
    found = shoulder + along * share * (apart / reach) + aside * height
    return np.asarray(found, np.float64)


def pole(side: int) -> Values:
    """Down, outward and a little back; ``side`` 1 is the subject's left, where x grows."""
    return np.array([0.6 * side, 1.0, -0.2])


def hand(wrist: Values, direction: Values, side: int, curl: float = 0.9) -> Floats:
    """21 points of hands at ``wrist`` [T, 2] that point along the unit vectors ``direction`` [T, 2].

    float32 [T, 21, 2]; ``curl`` shortens the fingers as a bent hand's look.
    """
    shape = _LEFT * np.array([side, curl], np.float32)
    x, y = -direction[:, None, 1], direction[:, None, 0]  # turns up (0, −1) into the direction
    placed = np.stack([shape[:, 0] * x - shape[:, 1] * y, shape[:, 0] * y + shape[:, 1] * x], -1)
    return np.asarray(placed + wrist[:, None], np.float32)


def smooth_step(t: Values) -> Values:
    """0 → 1 without a jerk at either end (minimum-jerk profile), for t in 0..1; flat beyond."""
    s = np.clip(t, 0, 1)
    return np.asarray(s**3 * (10 - 15 * s + 6 * s**2), np.float64)


def unit(vectors: Values) -> Values:
    """Each [..., 2] vector with length 1; zero vectors stay."""
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-6), np.float64)
