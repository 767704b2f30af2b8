"""The actions of a simulated person, as smooth displacement fields in face units.

The same field moves the 137 points and warps an image (face units: see ``person``).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from stream.records import Floats
from training.simulator.person import ANCHORS


@dataclass(frozen=True, slots=True)
class Blob:
    """A Gaussian bump of displacement around an anchor, in face units."""

    anchor: str
    spread: tuple[float, float]  # standard deviation in x, y
    move: tuple[float, float]  # displacement at the anchor for activation 1
    shift: tuple[float, float] = (0.0, 0.0)  # centre relative to the anchor


@dataclass(frozen=True, slots=True)
class Action:
    """A named displacement field whose largest displacement is about one face unit per activation."""

    name: str
    blobs: tuple[Blob, ...] = ()
    rigid: tuple[float, float, float] = (0.0, 0.0, 0.0)  # head: yaw (x), pitch (y), roll (radians)


def _pair(
    name: str, spread: tuple[float, float], dx: float, dy: float, at: tuple[float, float] = (0, 0)
) -> tuple[Blob, ...]:
    """The same bump on both sides of the face; ``dx`` > 0 moves outward."""
    sides = ("mouth_right", "mouth_left") if name == "mouth" else (f"right_{name}", f"left_{name}")
    return tuple(
        Blob(side, spread, (sign * dx, dy), (sign * at[0], at[1]))
        for side, sign in zip(sides, (-1, 1), strict=True)
    )


ACTIONS = (
    Action("brow_raise", _pair("brow", (0.38, 0.20), 0.0, -1.0)),
    Action("brow_lower", _pair("brow", (0.30, 0.18), -0.35, 0.93, at=(-0.15, 0.0))),
    Action("mouth_corners_up", _pair("mouth", (0.22, 0.20), 0.35, -0.93)),
    Action("mouth_corners_down", _pair("mouth", (0.22, 0.20), 0.10, 0.99)),
    Action(
        "lip_press",
        (Blob("upper_lip", (0.36, 0.10), (0.0, 0.8)), Blob("lower_lip", (0.36, 0.12), (0.0, -1.0))),
    ),
    Action("nod", rigid=(0.0, 1.0, 0.0)),
    Action("head_turn", rigid=(1.0, 0.0, 0.0)),
    Action("head_tilt", rigid=(0.0, 0.0, 0.4)),
    Action("shrug", _pair("shoulder", (1.1, 0.8), 0.0, -1.0)),
    Action("blink", _pair("eye", (0.24, 0.09), 0.0, 1.0, at=(0.0, -0.03))),
    Action("talk", (Blob("lower_lip", (0.42, 0.30), (0.0, 1.0), (0.0, 0.20)),)),
)
NAMES = tuple(action.name for action in ACTIONS)
COLUMN = {name: i for i, name in enumerate(NAMES)}


def displacement(action: Action, at: Floats, anchors: Mapping[str, tuple[float, float]] = ANCHORS) -> Floats:
    """Displacement at points ``at`` (face units, [..., 2]) for activation 1; the same shape."""
    moved = np.zeros_like(at)
    for blob in action.blobs:
        centre = np.add(anchors[blob.anchor], blob.shift).astype(np.float32)
        weight = np.exp(-0.5 * (((at - centre) / np.array(blob.spread, np.float32)) ** 2).sum(-1))
        moved += weight[..., None] * np.array(blob.move, np.float32)
    yaw, pitch, roll = action.rigid
    if any(action.rigid):
        head, depth = head_weight(at, anchors), depth_of(at)
        neck_y = anchors["neck"][1]
        moved[..., 0] += yaw * (0.3 * head + 0.7 * depth) - roll * (at[..., 1] - neck_y) * head
        moved[..., 1] += pitch * (0.4 * head + 0.6 * depth) + roll * at[..., 0] * head
    return moved


def head_weight(at: Floats, anchors: Mapping[str, tuple[float, float]] = ANCHORS) -> Floats:
    """Weight of rigid head motion: 1 on the head, falling smoothly to 0 below the neck and to the sides."""
    chin_y, neck_y = anchors["chin"][1], anchors["neck"][1]
    t = np.clip((neck_y + 0.9 - at[..., 1]) / (neck_y + 0.9 - chin_y), 0, 1)
    side = np.exp(-((at[..., 0] / 2.6) ** 4) - (np.minimum(at[..., 1] + 0.5, 0) / 2.6) ** 4)
    weight: Floats = t * t * (3 - 2 * t) * side
    return weight


def depth_of(at: Floats) -> Floats:
    """Depth of a point of the face towards the camera, 0..1, modelled as a dome."""
    return np.exp(-((at[..., 0] / 0.95) ** 2) - ((at[..., 1] - 0.55) / 1.4) ** 2)
