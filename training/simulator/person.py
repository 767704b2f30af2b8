"""The neutral simulated person: 137 points in face units, with random proportions.

Face units: origin midway between the pupils, 1 = distance between the pupils, x to the right of the
image (the subject's left), y down. The numbers are rounded averages of adult proportions, compiled by hand:
no real person was measured.
"""

import math
from dataclasses import dataclass

import numpy as np

from stream.records import Floats, Mask
from stream.skeleton import BODY_NAMES, COUNT, FACE, HANDS, LEFT_HAND, MIRROR, RIGHT_HAND

# Anchor points of the actions, in face units of the neutral person.
ANCHORS: dict[str, tuple[float, float]] = {
    "right_eye": (-0.50, 0.0),
    "left_eye": (0.50, 0.0),
    "right_brow": (-0.50, -0.38),
    "left_brow": (0.50, -0.38),
    "mouth_right": (-0.42, 1.08),
    "mouth_left": (0.42, 1.08),
    "upper_lip": (0.0, 1.02),
    "lower_lip": (0.0, 1.24),
    "chin": (0.0, 1.70),
    "neck": (0.0, 2.40),
    "right_shoulder": (-2.80, 3.40),
    "left_shoulder": (2.80, 3.40),
}

_HALF_BODY = {
    "nose": (0.0, 0.60), "neck": (0.0, 3.40), "right_shoulder": (-2.80, 3.40), "right_elbow": (-3.50, 7.60),
    "right_wrist": (-1.90, 9.40), "mid_hip": (0.0, 11.0), "right_hip": (-1.60, 11.0),
    "right_knee": (-1.80, 17.0), "right_ankle": (-1.80, 23.0), "right_eye": (-0.50, 0.0),
    "right_ear": (-1.18, 0.25), "right_big_toe": (-2.0, 24.2), "right_small_toe": (-2.4, 24.1),
    "right_heel": (-1.7, 23.5),
}  # fmt: skip


def _body() -> Floats:
    rows = []
    for name in BODY_NAMES:
        x, y = _HALF_BODY.get(name) or _HALF_BODY["right_" + name.removeprefix("left_")]
        rows.append((-x if name.startswith("left_") else x, y))
    return np.array(rows, np.float32)


def _face() -> Floats:
    contour = [(-1.12 * math.cos(a), 0.05 + 1.75 * math.sin(a) ** 0.75) for a in np.linspace(0, math.pi, 17)]
    brow = [(-0.90, -0.26), (-0.72, -0.38), (-0.54, -0.42), (-0.36, -0.40), (-0.20, -0.34)]
    bridge = [(0.0, 0.02), (0.0, 0.22), (0.0, 0.42), (0.0, 0.60)]
    base = [(-0.24, 0.72), (-0.12, 0.77), (0.0, 0.80), (0.12, 0.77), (0.24, 0.72)]
    eye = [(-0.76, 0.02), (-0.60, -0.08), (-0.42, -0.08), (-0.27, 0.03), (-0.42, 0.08), (-0.60, 0.08)]
    outer = [(-0.42, 1.10), (-0.27, 1.03), (-0.10, 0.99), (0.0, 1.01)]
    outer += [(-x, y) for x, y in outer[2::-1]]
    lower = [(0.27, 1.23), (0.10, 1.29), (0.0, 1.30)]
    outer += lower + [(-x, y) for x, y in lower[1::-1]]
    inner = [(-0.36, 1.11), (-0.12, 1.09), (0.0, 1.10), (0.12, 1.09), (0.36, 1.11)]
    inner += [(0.12, 1.15), (0.0, 1.16), (-0.12, 1.15)]
    right = [*brow, *eye]
    left_brow = [(-x, y) for x, y in brow[::-1]]
    left_eye = [(-x, y) for x, y in (eye[3], eye[2], eye[1], eye[0], eye[5], eye[4])]
    rows = [*contour, *right[:5], *left_brow, *bridge, *base, *eye, *left_eye, *outer, *inner]
    rows += [(-0.50, 0.0), (0.50, 0.0)]
    return np.array(rows, np.float32)


def _hand() -> Floats:
    """A left hand pointing up, palm forward, wrist at the origin, in face units."""
    rows = [(0.0, 0.0), (-0.45, -0.25), (-0.75, -0.60), (-0.95, -0.95), (-1.10, -1.25)]
    for i, length in enumerate((1.0, 1.1, 1.0, 0.8)):
        x = -0.40 + 0.28 * i
        rows += [(x, -1.45 - 0.45 * length * k + 0.1 * abs(i - 1)) for k in range(4)]
    return np.array(rows, np.float32)


def template() -> Floats:
    """The neutral person, float32 [137, 2], symmetric about x = 0; hands at the wrists."""
    points = np.zeros((COUNT, 2), np.float32)
    points[:25] = _body()
    points[FACE] = _face()
    hand = _hand()
    points[LEFT_HAND] = points[BODY_NAMES.index("left_wrist")] + hand
    points[RIGHT_HAND] = points[BODY_NAMES.index("right_wrist")] + hand * (-1, 1)
    return points


TEMPLATE = template()


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """One simulated interviewee and the camera."""

    neutral: Floats  # float32 [137, 2], face units, expression at rest
    seen: Mask  # bool [137], inside the frame and not hidden by the table
    origin: tuple[float, float]  # frame pixels of the face's origin
    scale: float  # frame pixels per face unit
    size: tuple[int, int]  # width, height of the frame


def random_person(rng: np.random.Generator) -> Person:
    """Proportions, framing and resting expression of one person."""
    points = TEMPLATE.copy()
    face = points[FACE]
    centre = np.array([0.0, 0.5], np.float32)
    face[:] = centre + (face - centre) * rng.normal(1, 0.05, 2)
    face[17:27, 1] += rng.normal(0, 0.05)  # height of the brows
    mouth = face[48:68]
    middle = mouth.mean(0)
    mouth[:] = middle + (mouth - middle) * rng.normal(1, (0.09, 0.15)) + rng.normal(0, 0.04, 2)
    rest = rng.normal(0, 0.05)  # mouth corners at rest, up or down
    mouth[:, 1] -= rest * np.abs(mouth[:, 0] - middle[0]) / 0.4
    noise = rng.normal(0, 0.02, points.shape)
    points += (noise + noise[list(MIRROR)] * (-1, 1)).astype(np.float32) / 2
    below = points[:, 1] > 2.4
    below[FACE] = False
    points[below] *= rng.normal(1, (0.09, 0.05))
    points[:, 1][below] += rng.normal(0, 0.15)
    points += rng.normal(0, 0.01, points.shape).astype(np.float32)

    width, height = 1280, 720
    scale = float(rng.uniform(38, 80))
    origin = (
        width * float(rng.uniform(0.40, 0.60)),
        max(2.4 * scale, height * float(rng.uniform(0.22, 0.36))),
    )
    pixels = points * scale + np.array(origin, np.float32)
    table = float(rng.uniform(7.0, 9.5))
    seen = (pixels[:, 1] < height) & (pixels[:, 0] > 0) & (pixels[:, 0] < width) & (points[:, 1] < table)
    seen[HANDS] = False  # hands appear and disappear over time: see recordings
    return Person(points, seen, origin, scale, (width, height))
