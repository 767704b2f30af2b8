"""Following a face or a hand from frame to frame.

MediaPipe finds a fresh region for each part in every frame and keeps the last frame's if the two agree
(``roi_tracking_calculator.cc``). Finding costs a network call, so here it is done when it may change
something: every `CHECK_EVERY` frames, or as soon as the rough region that the pose gives for the part moves
more than following allows. A part that has been gone for a few frames is looked for every `SEARCH_EVERY`
frames. A first frame always looks anew, so a single picture goes through MediaPipe's own chain.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from stream.geometry import Region
from stream.records import Floats

CHECK_EVERY = 4
SEARCH_EVERY = 3


@dataclass(frozen=True, slots=True)
class Tracking:
    """How far a region may move between frames before following is given up for the fresh one."""

    degrees: float
    translation: float  # share of the fresh region's side
    scale: float  # share of the fresh region's side
    margin: float  # grows (or, negative, shrinks) the fresh region that must hold the last points

    def near(self, last: Region, fresh: Region) -> bool:
        """Has the region moved so little that the last one still does?"""
        c, s = math.cos(fresh.rotation), math.sin(fresh.rotation)
        turned = abs(math.remainder(last.rotation - fresh.rotation, 2 * math.pi))
        dx, dy = last.cx - fresh.cx, last.cy - fresh.cy
        return (
            math.degrees(turned) <= self.degrees
            and abs(dx * c + dy * s) <= fresh.width * self.translation
            and abs(dy * c - dx * s) <= fresh.height * self.translation
            and abs(last.width - fresh.width) <= fresh.width * self.scale
            and abs(last.height - fresh.height) <= fresh.height * self.scale
        )

    def holds(self, last_points: Floats, last: Region, fresh: Region) -> bool:
        """… and are the last points [N, 2] well inside of the fresh region?"""
        if not self.near(last, fresh):
            return False
        c, s = math.cos(fresh.rotation), math.sin(fresh.rotation)
        centre = np.array((fresh.cx, fresh.cy), np.float32)
        local = (last_points - centre) @ np.array(((c, -s), (s, c)), np.float32)
        reach = np.array((fresh.width, fresh.height), np.float32) * np.float32((1 + self.margin) / 2)
        return bool((np.abs(local) < reach).all())


class Follower:
    """Decides, once a frame, whether a part is looked for, and whether anew or where it was."""

    def __init__(self, tracking: Tracking, region_of: Callable[[Floats], Region], phase: int = 0) -> None:
        self._tracking = tracking
        self._region_of = region_of
        self._phase = phase  # spreads the network calls of different parts over frames
        self.reset()

    def reset(self) -> None:
        """Forget the part: the next frame looks anew."""
        self._points: Floats | None = None
        self._rough: Region | None = None
        self._frames = self._missing = 0

    def waits(self) -> bool:
        """Call first in every frame. True: gone for a while and not due, so leave it for this frame."""
        self._frames += 1
        self._missing = 0 if self._points is not None else self._missing + 1
        return self._missing > SEARCH_EVERY and (self._frames + self._phase) % SEARCH_EVERY != 0

    def region(self, rough: Region, find: Callable[[], Region | None]) -> Region | None:
        """Where to look in this frame, None if nowhere; ``find`` gives a fresh region and costs a call."""
        last, self._points = self._points, None
        rough_before, self._rough = self._rough, rough
        if last is None:
            return find()
        followed = self._region_of(last)
        due = (self._frames + self._phase) % CHECK_EVERY == 0
        if not due and rough_before is not None and self._tracking.near(rough_before, rough):
            return followed
        fresh = find()
        return followed if fresh is not None and self._tracking.holds(last, followed, fresh) else fresh

    def found(self, points: Floats) -> None:
        """The part was seen here in this frame."""
        self._points = points
