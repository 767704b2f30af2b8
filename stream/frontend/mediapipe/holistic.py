"""Holistic: pose, face, irises and hands of one person, on LiteRT.

The networks and their order are those of MediaPipe Holistic (0.10.21, model complexity 1, no face
refinement), identical to the pixel on a first frame; the irises come from the stand-alone iris network.
Tracking differs: points are not smoothed: the movements of interest last less than half a second, and a
filter strong enough to calm a point would flatten them. Instead noise is avoided at its source: the pose
region stays fixed while the person sits still (`next_region`), and crops are averaged when they are scaled
down (`Halves`).
"""

import time
from dataclasses import dataclass
from pathlib import Path

from stream.frontend.mediapipe.crop_network import Meter
from stream.frontend.mediapipe.face import Face, FaceStage
from stream.frontend.mediapipe.hands import LEFT, RIGHT, Hand, HandNetworks, HandStage
from stream.frontend.mediapipe.pose import Body, PoseStage, next_region
from stream.frontend.mediapipe.to_openpose137 import to_pose
from stream.geometry import Halves, Region
from stream.records import Image, Pose


@dataclass(frozen=True, slots=True, eq=False)
class Landmarks:
    """MediaPipe's groups of points, before the mapping to 137 points."""

    body: Body
    face: Face | None
    left_hand: Hand | None
    right_hand: Hand | None


class Holistic:
    """Tracks one person from frame to frame; a region restarts it.

    Not thread-safe. With ``static`` nothing is tracked between pictures: each of them needs a region.
    """

    def __init__(self, folder: Path, threads: int = 2, *, static: bool = False) -> None:
        self._meter = Meter()
        self._pose = PoseStage(folder, self._meter, threads)
        self._face = FaceStage(folder, self._meter, threads)
        hands = HandNetworks(folder, self._meter, threads)
        self._left = HandStage(hands, LEFT)
        self._right = HandStage(hands, RIGHT)
        self._static = static
        self._without_hands = False
        self._region: Region | None = None
        self._total_ms = 0.0
        self.landmarks: Landmarks | None = None  # of the last frame, None if nobody was visible

    @property
    def region(self) -> Region | None:
        """Region to search in the next frame; None when there is no track."""
        return self._region

    @property
    def network_ms(self) -> float:
        """Milliseconds of the last push spent in the networks, including copying their input."""
        return self._meter.network_ms

    @property
    def warp_ms(self) -> float:
        """Milliseconds of the last push spent cutting regions out of the frame."""
        return self._meter.warp_ms

    @property
    def timings_ms(self) -> dict[str, float]:
        """Of the last push: each network by name, ``warp``, and ``other`` for the rest."""
        other = self._total_ms - self._meter.network_ms - self._meter.warp_ms
        return {**self._meter.networks, "warp": self._meter.warp_ms, "other": other}

    def reset(self) -> None:
        """Forget the person."""
        self._region = self.landmarks = None
        self._face.reset()
        self._left.reset()
        self._right.reset()

    def leave_hands(self, left: bool) -> None:
        """Switch the hands off or on again from the next frame on; thread-safe."""
        self._without_hands = left

    def push(self, image: Image, region: Region | None = None) -> Pose | None:
        """137 points of the person in ``region``; None follows the region of the last frame.

        Returns None without a track or once the person is out of view; then a region is needed to restart.
        """
        started = time.perf_counter()
        self._meter.clear()
        picture: Image | Halves = image
        if region is not None or self._static:
            self.reset()
            self._region = region
        else:
            picture = Halves(image)
        height, width = image.shape[:2]
        pose = self._look(picture, self._region, width, height) if self._region is not None else None
        self._total_ms = 1e3 * (time.perf_counter() - started)
        return pose

    def _look(self, image: Image | Halves, region: Region, width: int, height: int) -> Pose | None:
        body = self._pose(image, region)
        if body is None:
            self.reset()
            return None
        self._region = next_region(region, body.guides)
        face = self._face(image, body.points)
        frame = (width, height) if isinstance(image, Halves) else None
        left = right = None
        if self._without_hands:
            self._left.reset()
            self._right.reset()
        else:
            left = self._left(image, body.points, body.visibility, frame)
            right = self._right(image, body.points, body.visibility, frame)
        self.landmarks = Landmarks(body, face, left, right)
        return to_pose(body, face, left, right, width, height)
