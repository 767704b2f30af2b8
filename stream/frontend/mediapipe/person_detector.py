"""People in a frame, by MediaPipe's pose detector (BlazePose).

Constants from the expanded graph of Holistic 0.10.21 (PoseDetectionCpu, PoseDetectionToRoi): the whole frame
in a square with black borders, 224² in −1..1, strides 8, 16, 32 ×3 with two anchors each.
"""

import math
from pathlib import Path

import numpy as np

from stream.frontend.detection import Detection
from stream.frontend.mediapipe import ssd
from stream.frontend.mediapipe.litert import Network
from stream.frontend.mediapipe.regions import aligned
from stream.geometry import Region, Sampler, affine, letterbox, overlap, uncrop
from stream.records import Floats, Image

_SIZE = 224
_MIDDLES = ssd.anchors(_SIZE, ((8, 2), (16, 2), (32, 6)))
_GROWTH = 1.25  # of the circle around the person, for the pose network
_SAME = 0.5  # boxes from two tiles that overlap at least this much are one person
_TILE_ASPECT = 1.25  # a frame wider or higher than this is also searched in tiles


class PoseDetector:
    """Finds people; stateless. One network call per view: the frame and, if requested, its tiles."""

    def __init__(self, path: Path, threads: int = 2) -> None:
        self._network = Network(path, size=_SIZE, outputs=((1, 2254, 12), (1, 2254, 1)), threads=threads)
        self._sample = Sampler((_SIZE, _SIZE), "zero")
        self.ms = 0.0  # of the last call

    def __call__(self, image: Image, *, tiles: bool = True) -> list[Detection]:
        """All people found, best score first; tiles are searched only if none is found in the whole frame.

        The detector finds people who fill a good part of its square, which a person in a wide frame may not.
        So overlapping squares of the frame's height, then of half of it, are searched in turn.
        """
        height, width = image.shape[:2]
        found = self.search(image, letterbox(width, height))
        if found or not tiles:
            return found
        for level in views(width, height):
            found = _merged([person for view in level for person in self.search(image, view)])
            if found:
                return found
        return []

    def levels(self, width: int, height: int) -> list[list[Region]]:
        """Views to search when no person is found in the whole frame: see `views`."""
        return views(width, height)

    def search(self, image: Image, view: Region) -> list[Detection]:
        """All people found in one square view of the frame, best score first."""
        pixels = self._sample(image, affine(view, self._sample.size))
        raw, logits = self._network(pixels, -1.0, 1.0)
        points, scores = ssd.decode(raw, logits, _MIDDLES, _SIZE)
        del raw, logits
        self.ms = self._network.ms
        frame = uncrop(points * np.float32(_SIZE), view, (_SIZE, _SIZE))
        return [
            _detection(each, float(score), image.shape[1], image.shape[0])
            for each, score in zip(frame, scores, strict=True)
        ]


def views(width: int, height: int) -> list[list[Region]]:
    """Square views of a frame, in levels from coarse to fine; neighbours overlap by half."""
    short, long = min(width, height), max(width, height)
    sides: list[float] = [short] if long > short * _TILE_ASPECT else []
    sides.append(short * 0.6)
    return [
        [Region(x, y, side, side) for y in _middles(height, side) for x in _middles(width, side)]
        for side in sides
    ]


def _middles(length: float, side: float) -> list[float]:
    count = max(1, math.ceil((length - side) / (side / 2) - 1e-9) + 1)
    if count == 1:
        return [length / 2]
    return [side / 2 + i * (length - side) / (count - 1) for i in range(count)]


def _detection(points: Floats, score: float, width: int, height: int) -> Detection:
    """Points: box corners, then mid hip, full-body scale, mid shoulder, upper-body scale."""
    region = aligned(points[2], points[3], 90.0).scaled(_GROWTH)
    x0, y0, x1, y1 = Region(region.cx, region.cy, region.width / _GROWTH, region.height / _GROWTH).box
    box = max(x0, 0.0), max(y0, 0.0), min(x1, width), min(y1, height)
    return Detection(score, box, region)


def _merged(found: list[Detection]) -> list[Detection]:
    kept: list[Detection] = []
    for person in sorted(found, key=lambda person: -person.score):
        if all(overlap(person.box, other.box) < _SAME for other in kept):
            kept.append(person)
    return kept
