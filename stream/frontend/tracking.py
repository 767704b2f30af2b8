"""Following a face or a hand from frame to frame.

MediaPipe computes a new region for each part in every frame and keeps the last frame's if the two agree
(``roi_tracking_calculator.cc``). A new region costs a network call, so here it is computed only when it may
matter: as soon as the rough region from the pose has moved more than tracking allows, and every `CHECK_EVERY`
frames in any case. A missing part is searched every `SEARCH_EVERY` frames. A first frame always searches from
scratch, so a single picture goes through MediaPipe's own chain.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from stream.geometry import Region
from stream.records import Floats

CHECK_EVERY = 8
SEARCH_EVERY = 6
PATIENCE = 3  # number of frames in which a part that was just lost is searched every time


@dataclass(frozen=True, slots=True)
class Tracking:
    """How far a region may move between frames before it is replaced by a new one."""

    degrees: float
    translation: float  # share of the fresh region's side
    scale: float  # share of the fresh region's side
    margin: float  # grows (or, negative, shrinks) the fresh region that must hold the last points

    def near(self, last: Region, fresh: Region) -> bool:
        """Whether the region has moved so little that the last one can still be used."""
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
        """Whether the last points [N, 2] are well inside the new region."""
        if not self.near(last, fresh):
            return False
        c, s = math.cos(fresh.rotation), math.sin(fresh.rotation)
        centre = np.array((fresh.cx, fresh.cy), np.float32)
        local = (last_points - centre) @ np.array(((c, -s), (s, c)), np.float32)
        reach = np.array((fresh.width, fresh.height), np.float32) * np.float32((1 + self.margin) / 2)
        return bool((np.abs(local) < reach).all())


class Follower:
    """Decides, once per frame, whether a part is searched, and if so from scratch or at its last position."""

    def __init__(self, tracking: Tracking, region_of: Callable[[Floats], Region], phase: int = 0) -> None:
        self._tracking = tracking
        self._region_of = region_of
        self._phase = phase  # spreads the network calls of different parts over frames
        self.reset()

    def reset(self) -> None:
        """Forget the part: the next frame searches from scratch."""
        self._points: Floats | None = None
        self._rough: Region | None = None
        self._frames = self._missing = 0

    def region(self, rough: Region, find: Callable[[], Region | None]) -> Region | None:
        """Search region in this frame, or None; ``find`` returns a new region and costs a network call.

        Call `found` afterwards if the part was found there.
        """
        self._frames += 1
        last, self._points = self._points, None
        before, self._rough = self._rough, rough
        if last is None:
            self._missing += 1
            return find() if self._missing <= PATIENCE or self._due(SEARCH_EVERY) else None
        self._missing = 0
        calm = before is not None and self._tracking.near(before, rough)
        followed = self._region_of(last)
        if calm and not self._due(CHECK_EVERY):
            return followed
        fresh = find()
        return followed if fresh is not None and self._tracking.holds(last, followed, fresh) else fresh

    def found(self, points: Floats) -> None:
        """Report that the part was found here in this frame."""
        self._points = points

    def lost(self) -> None:
        """Call this instead of `region` when the part cannot be in this frame."""
        self._frames += 1
        self._points = self._rough = None

    def _due(self, every: int) -> bool:
        return (self._frames + self._phase) % every == 0
