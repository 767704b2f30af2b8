"""468 face points and two irises.

The face is looked for where the pose says (a small face detector corrects that region), or, while tracking,
where it was: constants from the expanded graph of MediaPipe Holistic 0.10.21 (FaceLandmarksFromPoseCpu,
FaceTracking, FaceLandmarkCpu). The irises follow MediaPipe's iris graph (IrisLandmarkLeftAndRight…): the
eye's corners give a region; the network knows one eye, the other is shown to it mirrored.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stream.frontend.mediapipe import ssd
from stream.frontend.mediapipe.crop_network import Meter, View
from stream.frontend.mediapipe.litert import Network
from stream.frontend.mediapipe.regions import around, turn
from stream.frontend.tracking import Follower, Tracking
from stream.geometry import Halves, Region
from stream.records import Floats, Image

COUNT = 468
PRESENCE = 0.5

_DETECTOR_SIZE = 128
_MIDDLES = ssd.anchors(_DETECTOR_SIZE, ((8, 2), (16, 6)))
_TRACKING = Tracking(degrees=15, translation=0.1, scale=0.3, margin=-0.2)
# Corners of the subject's right eye (outer, inner) and left eye (inner, outer), both left to right as seen.
_RIGHT_EYE, _LEFT_EYE = (33, 133), (362, 263)
_EYE_GROWTH = 2.3


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """Output of the face networks for one frame, in frame pixels."""

    points: Floats  # float32 [468, 2], MediaPipe's order
    right_iris: Floats  # float32 [5, 2], centre first; the subject's right
    left_iris: Floats  # float32 [5, 2]
    presence: float  # 0..1


class FaceStage:
    """Picture and body points → `Face`, or None; follows the face from frame to frame."""

    def __init__(self, folder: Path, meter: Meter, threads: int) -> None:
        detector = Network(
            folder / "face_detection_short_range.tflite",
            size=_DETECTOR_SIZE,
            outputs=((1, 896, 16), (1, 896, 1)),
            threads=threads,
        )
        mesh = Network(
            folder / "face_landmark.tflite",
            size=192,
            outputs=((1, 1, 1, 1404), (1, 1, 1, 1)),
            threads=threads,
        )
        iris = Network(folder / "iris_landmark.tflite", size=64, outputs=(None, (1, 15)), threads=threads)
        self._detector = View(detector, meter, low=-1.0, border="zero")
        self._mesh = View(mesh, meter)
        self._iris = View(iris, meter)
        self._follower = Follower(_TRACKING, from_face)

    def reset(self) -> None:
        self._follower.reset()

    def __call__(self, image: Image | Halves, body: Floats) -> Face | None:
        """``body``: float32 [33, 2], frame pixels."""
        rough = from_pose(body)
        region = self._follower.region(rough, lambda: self._detect(image, rough))
        if region is None:
            return None
        flat, logit = self._mesh(image, region)
        presence = 1.0 / (1.0 + math.exp(-float(logit[0, 0, 0])))
        if presence <= PRESENCE:
            return None
        points = self._mesh.back(flat.reshape(-1, 3)[:, :2])
        self._follower.found(points)
        return Face(
            points, self._eye(image, points, _RIGHT_EYE), self._eye(image, points, _LEFT_EYE), presence
        )

    def _detect(self, image: Image | Halves, region: Region) -> Region | None:
        raw, logits = self._detector(image, region)
        found, _ = ssd.decode(raw, logits, _MIDDLES, _DETECTOR_SIZE)
        if not len(found):
            return None
        points = self._detector.back(found[0, 2:] * np.float32(_DETECTOR_SIZE))
        return around(points, turn(points[0], points[1], 0.0)).scaled(2.0, shift_y=-0.1)

    def _eye(self, image: Image | Halves, points: Floats, corners: tuple[int, int]) -> Floats:
        ends = points[corners, :]
        region = around(ends, turn(ends[0], ends[1], 0.0)).scaled(_EYE_GROWTH)
        (iris,) = self._iris(image, region, mirrored=corners is _LEFT_EYE)
        return self._iris.back(iris.reshape(-1, 3)[:, :2])


def from_pose(body: Floats) -> Region:
    """Search region for the face: around the 11 face points of the pose, upright by its eyes."""
    return around(body[:11], turn(body[5], body[2], 0.0)).scaled(3.0)


def from_face(points: Floats) -> Region:
    """Region of the tracked face: around its points, upright by the outer corners of the eyes."""
    return around(points, turn(points[33], points[263], 0.0)).scaled(1.5)
