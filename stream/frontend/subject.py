"""The subject: finds the interviewee, follows that person, and detects cuts and absence.

A frame goes look → keypoints → settle: `look` decides whether and where to (re)start the keypoints, `settle`
turns their points into the portrait box. No identity is computed: a person is followed by position and time
only.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from stream.frontend.cuts import CutDetector
from stream.frontend.detection import Detection, Detector
from stream.geometry import Box, Region, clip, letterbox, overlap
from stream.records import Floats, Frame, Portrait

LOOK_EVERY = 2  # frames between looks while no person is visible; each look searches one view of the frame
REMEMBER = 50  # frames for which a lost person is searched at the last position
SAME = 0.3  # boxes that overlap at least this much are one person

_BAND = 0.04  # share of the box by which the person may move before the box follows
_GAIN = 0.15  # share of the remaining distance that the box moves in one frame
_LEAST = 8.0  # pixels; a smaller box is ignored


@dataclass(frozen=True, slots=True)
class Start:
    """What `Subject.look` decided for a frame."""

    region: Region | None  # (re)start the keypoints here; None: follow the track, if there is one
    cut: bool  # the track, if any, belongs to another shot and must be dropped
    detector_ms: float
    warp_ms: float  # making the thumbnail for the cut detection


class Subject:
    """Follows one person from frame to frame."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self._cuts = CutDetector()
        self._detector_ms = 0.0  # in the current frame
        self.reset()

    def reset(self) -> None:
        """Reset all state: the next frame starts a new stream."""
        self._cuts.reset()
        self._last: Box | None = None  # the stabilised box, kept while the person may come back
        self._score = 0.0
        self._cut = False  # to be reported with the next portrait
        self._missing = 0  # frames without a portrait
        self._first = True
        self._search: Iterator[Region] | None = None

    def look(self, frame: Frame, *, tracked: bool) -> Start:
        """Decide where the keypoints start in this frame; runs the detector only when necessary."""
        self._detector_ms = 0.0
        first, self._first = self._first, False
        cut = (self._cuts.push(frame.image) or frame.discontinuity) and not first
        if cut:
            self._cut = True
            self._last = self._search = None
        elif tracked:
            return Start(None, False, 0.0, self._cuts.warp_ms)
        found = self._find(frame, thorough=first, at_once=first or cut)
        return Start(found.region if found else None, cut, self._detector_ms, self._cuts.warp_ms)

    def settle(self, body: Floats | None, frame: Frame) -> Portrait | None:
        """The portrait of this frame from the 33 body points [33, 2] (None: nobody visible)."""
        height, width = frame.image.shape[:2]
        target = clip(torso(body), width, height) if body is not None else None
        if target is None or min(target[2] - target[0], target[3] - target[1]) < _LEAST:
            self._missing += 1
            return None
        last, away = self._last, self._missing
        self._missing, self._search = 0, None
        if last is None or overlap(last, target) < SAME:
            self._cut |= last is not None or away > REMEMBER
            last = target
        box = clip(_follow(last, target), width, height)
        self._last = box
        cut, self._cut = self._cut, False
        return Portrait(box, self._score, cut)

    def _find(self, frame: Frame, *, thorough: bool, at_once: bool) -> Detection | None:
        """One person, or None. ``at_once``: search the whole frame and its tiles now, not one view per
        look."""
        height, width = frame.image.shape[:2]
        if self._missing > REMEMBER:
            self._last = None
        if at_once:
            found = self._searched(frame, letterbox(width, height))
            for level in self._detector.levels(width, height)[: None if thorough else 1]:
                found = found or [person for view in level for person in self._searched(frame, view)]
        elif self._missing <= 1 or self._missing % LOOK_EVERY == 0:
            found = self._searched(frame, self._next_view(width, height))
        else:
            found = []
        chosen = choose(found, width, height, self._last)
        self._score = chosen.score if chosen else 0.0
        return chosen

    def _next_view(self, width: int, height: int) -> Region:
        """The last position, the whole frame, one tile; then again with the next tile."""
        if self._search is None:
            self._search = _round(width, height, self._last, self._detector.levels(width, height))
        return next(self._search)

    def _searched(self, frame: Frame, view: Region) -> list[Detection]:
        found = self._detector.search(frame.image, view)
        self._detector_ms += self._detector.ms
        return found


def choose(found: list[Detection], width: int, height: int, last: Box | None = None) -> Detection | None:
    """The person to watch: the one at the last position, otherwise the largest and most central."""
    if last is not None:
        same = [person for person in found if overlap(person.box, last) >= SAME]
        found = same or found

    def weight(person: Detection) -> float:
        x0, y0, x1, y1 = person.box
        away = abs((x0 + x1) / 2 / width - 0.5) + abs((y0 + y1) / 2 / height - 0.5)  # 0 centre .. 1 corner
        return person.score * max(0.0, x1 - x0) * max(0.0, y1 - y0) * (1 - away)

    return max(found, key=weight, default=None)


def torso(body: Floats) -> Box:
    """Box from head to hips and elbows, frame pixels, from 33 body points [33, 2]; may exceed the frame.

    Uses the position of every point, visible or not: visibility flickers, positions do not. The head is built
    on the line from the mouth to the eyes, which does not change when the head turns.
    """
    eyes = (body[2] + body[5]) / 2
    up = eyes - (body[9] + body[10]) / 2
    across = np.array((-up[1], up[0]), np.float32)
    shoulders = body[11:13]
    wide = (shoulders - shoulders[::-1]) * np.float32(0.2)  # the shoulder joint lies inside of the arm
    points = np.concatenate(
        (
            (eyes + 2.2 * up, eyes + 1.6 * across, eyes - 1.6 * across),
            shoulders + wide,
            body[13:15],
            body[23:25],
        )
    )
    (x0, y0), (x1, y1) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    return x0, y0, x1, y1


def _follow(last: Box, target: Box) -> Box:
    """The last box, moved a little towards the target wherever that lies beyond a dead band."""
    band = _BAND * (last[2] - last[0] + last[3] - last[1]) / 2

    def side(old: float, new: float) -> float:
        error = new - old
        return old + _GAIN * max(0.0, abs(error) - band) * (1.0 if error > 0 else -1.0)

    return (
        side(last[0], target[0]),
        side(last[1], target[1]),
        side(last[2], target[2]),
        side(last[3], target[3]),
    )


def _round(width: int, height: int, last: Box | None, levels: list[list[Region]]) -> Iterator[Region]:
    """Endless sequence of views of the frame in search order."""
    whole = letterbox(width, height)
    tiles = [tile for level in levels for tile in level]
    places = [whole]
    if last is not None:
        side = 1.5 * max(last[2] - last[0], last[3] - last[1])
        places.insert(0, Region((last[0] + last[2]) / 2, (last[1] + last[3]) / 2, side, side))
    while True:
        if not tiles:
            yield from places
        for tile in tiles:
            yield from places
            yield tile
