"""Search regions from points, as MediaPipe's graphs compute them.

Angles and sizes are in frame pixels. Sources, all in google-ai-edge/mediapipe:
``alignment_points_to_rects_calculator.cc``, ``detections_to_rects_calculator.cc``,
``hand_detections_from_pose_to_rects_calculator.cc``, ``hand_landmarks_to_rect_calculator.cc``..
"""

import math

import numpy as np

from stream.geometry import Region
from stream.records import Floats


def turn(start: Floats, end: Floats, target_degrees: float) -> float:
    """Rotation, radians in −π..π, after which start → end points at the target (90° is up)."""
    (x0, y0), (x1, y1) = start.tolist(), end.tolist()
    angle = math.radians(target_degrees) - math.atan2(y0 - y1, x1 - x0)
    return angle - 2 * math.pi * math.floor((angle + math.pi) / (2 * math.pi))


def aligned(centre: Floats, scale: Floats, target_degrees: float) -> Region:
    """The square around a circle given by its centre and a point on it, turned by that point."""
    (x0, y0), (x1, y1) = centre.tolist(), scale.tolist()
    side = 2 * math.hypot(x1 - x0, y1 - y0)
    return Region(x0, y0, side, side, turn(centre, scale, target_degrees))


def around(points: Floats, rotation: float = 0.0) -> Region:
    """The upright box around points [N, 2] given a rotation (the box itself is not rotated, as in the
    source)."""
    (x0, y0), (x1, y1) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    return Region((x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0, rotation)


def hand_from_pose(wrist: Floats, pinky: Floats, index: Floats) -> Region:
    """The square around the middle knuckle, which lies between the two, reaching the wrist; fingers up."""
    middle = (np.float32(2) * index + pinky) / np.float32(3)
    (x, y), (x0, y0) = middle.tolist(), wrist.tolist()
    side = 2 * math.hypot(x - x0, y - y0)
    return Region(x, y, side, side, turn(wrist, middle, 90.0))


def hand_from_hand(points: Floats) -> Region:
    """The turned box around 21 hand points.

    The source indexes joints 4, 6 and 8 as if a subset had been passed; all 21 are, so the direction is
    taken from thumb tip, index middle joint and index tip. Kept: its tracking was tuned with it.
    """
    aim = ((points[4] + points[8]) / np.float32(2) + points[6]) / np.float32(2)
    rotation = turn(points[0], aim, 90.0)
    c, s = math.cos(rotation), math.sin(rotation)
    middle = (points.min(axis=0) + points.max(axis=0)) / np.float32(2)
    x, y = middle.tolist()
    turned = around((points - middle) @ np.array(((c, -s), (s, c)), np.float32))
    return Region(
        x + turned.cx * c - turned.cy * s,
        y + turned.cx * s + turned.cy * c,
        turned.width,
        turned.height,
        rotation,
    )
