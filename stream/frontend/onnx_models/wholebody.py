"""Whole-body keypoints: 133 points of one person from one network, an RTMW or DWPose file in ONNX.

Preprocessing as open-mmlab/mmpose trains and tests these networks: an upright crop of the input's aspect
around the person's box, grown by a quarter, bilinear, black beyond the frame; RGB (mmpose's ``bgr_to_rgb``;
Tau-J/rtmlib feeds them BGR). From frame to frame the crop follows the points and rests while the person does.
"""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stream.bundle import external_data
from stream.bundle.manifest import Extractor
from stream.bundle.model_card import card_file, card_of
from stream.errors import ModelError
from stream.files import sha256_of
from stream.frontend.onnx_models import coco133, simcc
from stream.frontend.tracking import Tracking
from stream.geometry import Halves, Region, Sampler, affine, apply
from stream.inference.engine import Engine
from stream.records import Floats, Image, Pose

MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)  # of RGB in 0..255
# Growth of the box around the points, which is smaller than the person; then the crop's margin.
GROWTH = 1.25 * 1.25
_FOLLOWED = slice(0, 91)  # body, feet, face; hands are the least reliable
_HEAD = (0, 1, 2, 3, 4, 5, 6)  # nose, eyes, ears, shoulders: without them no person is visible
_HOLD = Tracking(degrees=4, translation=0.04, scale=0.06, margin=0)
_LEAST = 8.0  # pixels; a smaller person is ignored


@dataclass(frozen=True, slots=True, eq=False)
class Body:
    """The points that a portrait is built from, in the order of MediaPipe's 33; others are zero."""

    points: Floats  # float32 [33, 2], pixels of the frame; also outside of it


@dataclass(frozen=True, slots=True, eq=False)
class Landmarks:
    """Output of the network for one frame, before the mapping to 137 points."""

    body: Body
    points: Floats  # float32 [133, 2], pixels of the frame
    scores: Floats  # float32 [133]


class WholeBody:
    """Tracks one person from frame to frame; a region restarts it. Not thread-safe.

    Raises ModelError for a file with other inputs and outputs or one that does not match its card, and
    BundleError for one that does not load.
    """

    def __init__(self, path: Path, *, provider: str = "cpu", threads: int = 2) -> None:
        extractor_of(path)
        if card_file(path).is_file():
            card_of(path, "keypoints")
        else:
            external_data.check(path, path.parent)
        self._engine = Engine(path, provider=provider, threads=threads)
        self.size = size_of(self._engine)
        self._input = self._engine.graph.inputs[0].name
        self._sample = Sampler(self.size, "zero")
        self._mean = np.array(MEAN, np.float32)
        self._scale = 1 / np.array(STD, np.float32)
        self._region: Region | None = None
        self.landmarks: Landmarks | None = None  # of the last frame, None if nobody was visible
        self.network_ms = self.warp_ms = self._total_ms = 0.0  # of the last push

    @property
    def region(self) -> Region | None:
        """Region to search in the next frame; None when there is no track."""
        return self._region

    @property
    def timings_ms(self) -> dict[str, float]:
        """Of the last push: the network, ``warp``, and ``other`` for the rest."""
        other = self._total_ms - self.network_ms - self.warp_ms
        return {"wholebody": self.network_ms, "warp": self.warp_ms, "other": other}

    def reset(self) -> None:
        """Forget the person."""
        self._region = self.landmarks = None

    def leave_hands(self, left: bool) -> None:
        """No effect: one network computes all points at once."""

    def push(self, image: Image, region: Region | None = None) -> Pose | None:
        """137 points of the person in ``region``; None follows the region of the last frame.

        Returns None without a track or once the person is out of view; then a region is needed to restart.
        """
        started = time.perf_counter()
        self.network_ms = self.warp_ms = 0.0
        pose = None
        picture: Image | Halves = Halves(image)
        if region is not None:
            self.reset()
            picture, self._region = image, fitted(region, self.size)
        if self._region is not None:
            points, scores = self._points(picture, self._region)
            self._region = following(self._region, points, scores, self.size)
            seen = self._region is not None
            self.landmarks = Landmarks(body_of(points, scores), points, scores) if seen else None
            pose = coco133.to_pose(points, scores, image.shape[1], image.shape[0]) if seen else None
        self._total_ms = 1e3 * (time.perf_counter() - started)
        return pose

    def _points(self, image: Image | Halves, region: Region) -> tuple[Floats, Floats]:
        started = time.perf_counter()
        matrix = affine(region, self.size)
        crop = self._sample.quick(*(image.fitting(matrix) if isinstance(image, Halves) else (image, matrix)))
        pixels = np.ascontiguousarray(((crop - self._mean) * self._scale).transpose(2, 0, 1)[None])
        warped = time.perf_counter()
        x, y = self._engine(**{self._input: pixels})[:2]
        points, scores = simcc.decode(x[0], y[0])
        self.warp_ms = 1e3 * (warped - started)
        self.network_ms = 1e3 * (time.perf_counter() - warped)
        return apply(matrix, points), scores


def extractor_of(path: Path) -> Extractor:
    """The extractor recorded for these points: the file's name and hash. Raises ModelError without a file."""
    if not path.is_file():
        raise ModelError(f"{path}: expected an RTMW or DWPose file in ONNX, found none; give its place.")
    return Extractor(name=path.stem, sha256=sha256_of(path))


def size_of(engine: Engine) -> tuple[int, int]:
    """Input (width, height) of a whole-body network. Raises ModelError for any other network."""
    inputs = [t.shape for t in engine.graph.inputs]
    outputs = [t.shape for t in engine.graph.outputs]
    if len(inputs) == 1 and len(inputs[0]) == 4 and inputs[0][:2] == (1, 3) and len(outputs) >= 2:
        height, width = inputs[0][2:]
        bins = [(1, coco133.COUNT, int(simcc.SPLIT * side)) for side in (width, height)]
        if outputs[:2] == bins:
            return width, height
    raise ModelError(
        f"{engine.path}: expected a whole-body network with a picture [1, 3, H, W] in and SimCC scores of "
        f"133 points [1, 133, 2·W], [1, 133, 2·H] out, found {inputs} and {outputs}; "
        "give an RTMW or DWPose file."
    )


def fitted(region: Region, size: tuple[int, int]) -> Region:
    """The upright region around a region, with the aspect ratio of ``size`` (width, height)."""
    x0, y0, x1, y1 = region.box
    aspect = size[0] / size[1]
    width, height = max(x1 - x0, (y1 - y0) * aspect), max(y1 - y0, (x1 - x0) / aspect)
    return Region((x0 + x1) / 2, (y0 + y1) / 2, width, height)


def following(last: Region, points: Floats, scores: Floats, size: tuple[int, int]) -> Region | None:
    """The next frame's region: around the visible points, or this frame's while the person hardly moves.

    None if the person is no longer visible.
    """
    visible = points[_FOLLOWED][scores[_FOLLOWED] > coco133.VISIBLE]
    if scores[list(_HEAD)].mean() <= coco133.VISIBLE or not len(visible):
        return None
    (x0, y0), (x1, y1) = visible.min(axis=0).tolist(), visible.max(axis=0).tolist()
    if min(x1 - x0, y1 - y0) < _LEAST:
        return None
    around = Region((x0 + x1) / 2, (y0 + y1) / 2, GROWTH * (x1 - x0), GROWTH * (y1 - y0))
    wanted = fitted(around, size)
    return last if _HOLD.near(last, wanted) else wanted


def body_of(points: Floats, scores: Floats) -> Body:
    """The points that the portrait is built from. An invisible elbow or hip is placed below its shoulder.

    SimCC's position of an invisible point is meaningless.
    """
    body = np.zeros((33, 2), np.float32)
    body[2], body[5] = points[coco133.LEFT_EYE], points[coco133.RIGHT_EYE]
    body[9], body[10] = points[coco133.MOUTH_LEFT], points[coco133.MOUTH_RIGHT]
    left, right = points[coco133.LEFT_SHOULDER], points[coco133.RIGHT_SHOULDER]
    body[11], body[12] = left, right
    wide = float(np.hypot(*(left - right)))
    for row, point, shoulder, below in (
        (13, coco133.LEFT_ELBOW, left, 0.9),
        (14, coco133.RIGHT_ELBOW, right, 0.9),
        (23, coco133.LEFT_HIP, left, 1.4),
        (24, coco133.RIGHT_HIP, right, 1.4),
    ):
        hung = shoulder + np.array((0.0, below * wide), np.float32)
        body[row] = points[point] if scores[point] > coco133.VISIBLE else hung
    return Body(body)
