"""Where to look next: regions from points, as MediaPipe's graphs compute them.

Angles and sizes are in frame pixels. Sources, all in google-ai-edge/mediapipe:
``alignment_points_to_rects_calculator.cc``, ``detections_to_rects_calculator.cc``,
``hand_detections_from_pose_to_rects_calculator.cc``, ``hand_landmarks_to_rect_calculator.cc``,
``roi_tracking_calculator.cc``.
"""

import math
from dataclasses import dataclass

import numpy as np

from stream.geometry import Region
from stream.records import Floats


def turn(start: Floats, end: Floats, target_degrees: float) -> float:
    """How far to turn, radians in −π..π, so that start → end points at the target (90° is up)."""
    angle = math.radians(target_degrees) - math.atan2(
        -(float(end[1]) - float(start[1])), float(end[0]) - float(start[0])
    )
    return angle - 2 * math.pi * math.floor((angle + math.pi) / (2 * math.pi))


def aligned(centre: Floats, scale: Floats, target_degrees: float) -> Region:
    """The square around a circle given by its centre and a point on it, turned by that point."""
    side = 2 * math.hypot(float(scale[0]) - float(centre[0]), float(scale[1]) - float(centre[1]))
    return Region(float(centre[0]), float(centre[1]), side, side, turn(centre, scale, target_degrees))


def around(points: Floats, rotation: float = 0.0) -> Region:
    """The upright box around points [N, 2] given a rotation (the box itself is not turned: as the source)."""
    (x0, y0), (x1, y1) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    return Region((x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0, rotation)


def hand_from_pose(wrist: Floats, pinky: Floats, index: Floats) -> Region:
    """Around the middle knuckle, which the pose network does not give; radius: to the wrist."""
    middle = (2 * index + pinky) / 3
    return aligned_on(middle, wrist)


def aligned_on(middle: Floats, wrist: Floats) -> Region:
    """The square around a middle knuckle, reaching the wrist, turned so that the hand points up."""
    side = 2 * math.hypot(float(middle[0] - wrist[0]), float(middle[1] - wrist[1]))
    return Region(float(middle[0]), float(middle[1]), side, side, turn(wrist, middle, 90.0))


def hand_from_hand(points: Floats) -> Region:
    """The turned box around 21 hand points.

    The source indexes joints 4, 6 and 8 as if a subset had been passed; all 21 are, so the direction is
    taken from thumb tip, index middle joint and index tip. Kept: its tracking was tuned with it.
    """
    aim = ((points[4] + points[8]) / 2 + points[6]) / 2
    rotation = turn(points[0], aim, 90.0)
    c, s = math.cos(rotation), math.sin(rotation)
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    turned = around((points - middle) @ np.array(((c, -s), (s, c)), np.float32))
    return Region(
        float(middle[0]) + turned.cx * c - turned.cy * s,
        float(middle[1]) + turned.cx * s + turned.cy * c,
        turned.width,
        turned.height,
        rotation,
    )


@dataclass(frozen=True, slots=True)
class Tracking:
    """How far a region may move between frames before tracking is given up for the fresh one."""

    degrees: float
    translation: float  # share of the fresh region's side
    scale: float  # share of the fresh region's side
    margin: float  # grows (or, negative, shrinks) the fresh region that must hold the last points

    def holds(self, last_points: Floats, last: Region, fresh: Region) -> bool:
        c, s = math.cos(fresh.rotation), math.sin(fresh.rotation)
        turned = abs(math.remainder(last.rotation - fresh.rotation, 2 * math.pi))
        dx, dy = last.cx - fresh.cx, last.cy - fresh.cy
        if (
            math.degrees(turned) > self.degrees
            or abs(dx * c + dy * s) > fresh.width * self.translation
            or abs(dy * c - dx * s) > fresh.height * self.translation
            or abs(last.width - fresh.width) > fresh.width * self.scale
            or abs(last.height - fresh.height) > fresh.height * self.scale
        ):
            return False
        local = (last_points - np.float32((fresh.cx, fresh.cy))) @ np.array(((c, -s), (s, c)), np.float32)
        reach = np.float32((fresh.width, fresh.height)) * np.float32((1 + self.margin) / 2)
        return bool((np.abs(local) < reach).all())
