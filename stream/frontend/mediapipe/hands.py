"""21 points of each hand.

Constants from the expanded graph of MediaPipe Holistic 0.10.21 (HandLandmarksFromPoseCpu, HandRecropByRoiCpu,
HandTracking, HandLandmarkCpu): the pose's wrist, index and pinky give a region, a small network corrects it,
and while tracking the last points may replace it.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stream.frontend.mediapipe.crop_network import Meter, View
from stream.frontend.mediapipe.litert import Network
from stream.frontend.mediapipe.regions import aligned, hand_from_hand, hand_from_pose
from stream.frontend.tracking import Follower, Tracking
from stream.geometry import Halves, Region
from stream.records import Floats, Image

COUNT = 21
PRESENCE = 0.5
WRIST_VISIBLE = 0.1

# Rows of the pose: wrist, pinky, index.
LEFT, RIGHT = (15, 17, 19), (16, 18, 20)

_TRACKING = Tracking(degrees=40, translation=0.2, scale=0.4, margin=-0.1)


@dataclass(frozen=True, slots=True, eq=False)
class Hand:
    """Output of the hand network for one frame."""

    points: Floats  # float32 [21, 2], pixels of the frame
    presence: float  # 0..1


class HandNetworks:
    """The two networks, shared by both hands."""

    def __init__(self, folder: Path, meter: Meter, threads: int) -> None:
        recrop = Network(folder / "hand_recrop.tflite", size=256, outputs=((1, 1, 1, 4),), threads=threads)
        hand = Network(
            folder / "hand_landmark_full.tflite",
            size=224,
            outputs=((1, 63), (1, 1), None, None),
            threads=threads,
        )
        self.recrop = View(recrop, meter)
        self.hand = View(hand, meter)


class HandStage:
    """Picture and body points → one `Hand`, or None; follows the hand from frame to frame."""

    def __init__(self, networks: HandNetworks, rows: tuple[int, int, int]) -> None:
        self._networks = networks
        self._wrist, self._rows = rows[0], list(rows)
        self._follower = Follower(_TRACKING, from_hand, phase=self._wrist)

    def reset(self) -> None:
        self._follower.reset()

    def __call__(
        self, image: Image | Halves, body: Floats, visibility: Floats, frame: tuple[int, int] | None = None
    ) -> Hand | None:
        """``body``: float32 [33, 2], frame pixels; ``visibility``: float32 [33].

        ``frame``: width and height. If given, a hand whose centre lies outside the frame is not searched.
        """
        wrist, pinky, index = body[self._rows]
        rough = hand_from_pose(wrist, pinky, index).scaled(2.7, shift_y=-0.1)
        outside = frame is not None and not (0 <= rough.cx < frame[0] and 0 <= rough.cy < frame[1])
        if outside or visibility[self._wrist] <= WRIST_VISIBLE:
            self._follower.lost()
            return None
        region = self._follower.region(rough, lambda: self._recrop(image, rough))
        if region is None:
            return None
        flat, presence = self._networks.hand(image, region)
        if presence[0] <= PRESENCE:
            return None
        points = self._networks.hand.back(flat.reshape(-1, 3)[:, :2])
        self._follower.found(points)
        return Hand(points, float(presence[0]))

    def _recrop(self, image: Image | Halves, rough: Region) -> Region:
        (flat,) = self._networks.recrop(image, rough)
        centre, scale = self._networks.recrop.back(np.array(flat).reshape(2, 2))
        return aligned(centre, scale, -90.0).scaled(1.0, shift_y=-0.1)


def from_hand(points: Floats) -> Region:
    """Region of the tracked hand."""
    return hand_from_hand(points).scaled(2.0, shift_y=-0.1)
