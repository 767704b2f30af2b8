"""How a made-up person looks: head, arms and hands as flat shapes, for the branches that read pictures.

A drawing shows what a tracker may lose, and shows it coarsely: a hand over a face is there in every picture.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from stream.records import Floats, Image, Mask
from stream.skeleton import FACE, INDEX, LEFT_HAND, RIGHT_HAND

FINE = 2  # drawn at twice the size and averaged
_BITS = 4  # of a pixel's fraction
Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Look:
    """Colours of one person and the room, 0..255."""

    skin: Colour
    hair: Colour
    shirt: Colour
    wall: Colour
    desk: Colour


def random_look(rng: np.random.Generator) -> Look:
    """A person's colours and the light on them: skin is warm, cloth and walls are muted."""
    light = rng.uniform(0.75, 1.1)

    def muted(low: float, high: float, tint: float) -> Colour:
        return _colour(light * (rng.uniform(low, high) + rng.normal(0, tint, 3)))

    tone = rng.uniform(0.45, 1.0)
    return Look(
        skin=_colour(light * (tone * np.array([235, 175, 140]) + rng.normal(0, 5, 3))),
        hair=muted(15, 70, 6),
        shirt=muted(15, 225, 18),
        wall=muted(50, 210, 14),
        desk=muted(20, 110, 8),
    )


def _colour(values: NDArray[np.float64]) -> Colour:
    r, g, b = np.clip(values, 0, 255).round().astype(int).tolist()
    return r, g, b


def draw(
    points: Floats, shown: Mask, look: Look, size: int, unit: float, table: float, rng: np.random.Generator
) -> Image:
    """One picture, uint8 [size, size, 3].

    points: float32 [137, 2] in pixels of it; shown: bool [137]; unit: pixels a face unit; table: row where
    the desk begins. ``rng`` draws the camera's noise.
    """
    p, unit = points * FINE, unit * FINE
    canvas = np.empty((size * FINE, size * FINE, 3), np.uint8)
    canvas[:] = look.wall
    _head(canvas, p, look, unit)
    for name, span in (("right", RIGHT_HAND), ("left", LEFT_HAND)):
        behind = not shown[span.start] and points[span.start, 1] < table
        _arm(canvas, p, name, span, look, unit, behind)
    edge = int(np.clip(table * FINE, 0, size * FINE))
    canvas[edge:] = look.desk
    small = cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA).astype(np.float32)
    small += rng.normal(0, 3.0, small.shape).astype(np.float32) + np.float32(rng.normal(0, 1.5))
    picture: Image = np.clip(small, 0, 255).astype(np.uint8)
    return picture


def _fixed(points: NDArray[Any]) -> NDArray[np.int32]:
    fixed: NDArray[np.int32] = np.round(np.clip(points, -4000, 4000) * (1 << _BITS)).astype(np.int32)
    return fixed


def _fill(canvas: Image, points: NDArray[Any], colour: Colour) -> None:
    cv2.fillPoly(canvas, [_fixed(points)], colour, cv2.LINE_AA, _BITS)


def _line(canvas: Image, points: NDArray[Any], colour: Colour, width: float) -> None:
    cv2.polylines(canvas, [_fixed(points)], False, colour, max(round(width), 1), cv2.LINE_AA, _BITS)


def _darker(colour: Colour, by: float) -> Colour:
    r, g, b = (round(by * c) for c in colour)
    return r, g, b


def _head(canvas: Image, p: Floats, look: Look, unit: float) -> None:
    """Torso, neck, head and face, in this order."""
    neck, right, left = (p[INDEX[name]] for name in ("neck", "right_shoulder", "left_shoulder"))
    up = np.array([0, unit])
    torso = [right - 0.3 * up, neck - 0.4 * up, left - 0.3 * up, left + 9 * up, right + 9 * up]
    _fill(canvas, np.array(torso), look.shirt)
    face = p[FACE]
    contour, brows, eyes = face[:17], face[17:27], face[36:48]
    _line(canvas, np.stack([neck - 0.6 * up, contour[8] - 0.5 * up]), _darker(look.skin, 0.85), 1.7 * unit)
    crown = contour[[0, 16]].mean(0) - 1.9 * up
    wide = contour[[0, 16]] + np.array([[-0.15, 0], [0.15, 0]]) * unit
    top = np.stack([wide[0], wide[0] - 1.3 * up, crown, wide[1] - 1.3 * up, wide[1]])
    _fill(canvas, np.concatenate([top, wide[::-1] + 0.3 * up]), look.hair)
    forehead = contour[[0, 16]] - 0.95 * up
    _fill(canvas, np.concatenate([contour, forehead[::-1]]), look.skin)
    for brow in (brows[:5], brows[5:]):
        _line(canvas, brow, look.hair, 0.12 * unit)
    for eye in (eyes[:6], eyes[6:]):
        _fill(canvas, eye, (25, 20, 20))
    _line(canvas, face[27:31], _darker(look.skin, 0.8), 0.12 * unit)
    _fill(canvas, face[48:60], _darker(look.skin, 0.65))
    _fill(canvas, face[60:68], (50, 20, 20))


def _arm(canvas: Image, p: Floats, name: str, span: slice, look: Look, unit: float, behind: bool) -> None:
    shoulder, elbow, wrist = (p[INDEX[f"{name}_{joint}"]] for joint in ("shoulder", "elbow", "wrist"))
    sleeve = _darker(look.shirt, 0.85)
    _line(canvas, np.stack([shoulder, elbow]), sleeve, 1.5 * unit)
    if behind:
        return
    _line(canvas, np.stack([elbow, wrist]), _darker(look.shirt, 0.75), 1.15 * unit)
    hand, skin = p[span], _darker(look.skin, 0.92)
    _fill(canvas, hand[[0, 1, 5, 9, 13, 17]], skin)
    for finger in range(5):
        joints = hand[[0, *range(1 + 4 * finger, 5 + 4 * finger)]]
        _line(canvas, joints, skin, 0.28 * unit)
        _line(canvas, joints[-2:], _darker(look.skin, 0.7), 0.14 * unit)
