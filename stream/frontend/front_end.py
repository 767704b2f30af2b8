"""The front end of the fast lane: one frame → who is watched, their portrait and 137 keypoints."""

import time
from dataclasses import dataclass
from typing import Protocol

from stream.frontend.detection import Detector
from stream.frontend.scenes import Scenes
from stream.frontend.subject import Subject
from stream.geometry import Region, overlap
from stream.records import Floats, Frame, Image, Portrait, Pose


class Body(Protocol):
    @property
    def points(self) -> Floats:
        """float32 [33, 2], frame pixels, MediaPipe's order: what the portrait is built from."""


class Landmarks(Protocol):
    @property
    def body(self) -> Body: ...


class Keypoints(Protocol):
    """Tracks one person from frame to frame; see `stream.frontend.mediapipe.holistic.Holistic`."""

    def push(self, image: Image, region: Region | None = None) -> Pose | None: ...

    def reset(self) -> None: ...

    def leave_hands(self, left: bool) -> None:
        """Switch the hands off or on again; no effect if they have no network of their own."""

    @property
    def region(self) -> Region | None:
        """Region to search in the next frame; None when there is no track."""

    @property
    def landmarks(self) -> Landmarks | None:
        """The groups before the mapping to 137 points."""

    @property
    def network_ms(self) -> float: ...

    @property
    def timings_ms(self) -> dict[str, float]: ...


@dataclass(frozen=True, slots=True, eq=False)
class Sighting:
    """What the front end found in one frame."""

    portrait: Portrait | None  # None, like the pose, when no person is visible
    pose: Pose | None
    landmarks: Landmarks | None  # source of the portrait and the pose
    scene: int  # see `stream.frontend.scenes`
    timings_ms: dict[str, float]  # ``detector``, each network by name, ``warp``, ``other``, ``total``


class FrontEnd:
    """Detector, subject and keypoints in sequence, for one stream; not thread-safe.

    ``aligner`` turns a detector's box into the region that the keypoint networks start from, where the
    detector itself does not give one.
    """

    def __init__(self, detector: Detector, keypoints: Keypoints, aligner: Detector | None = None) -> None:
        self._subject = Subject(detector)
        self._keypoints = keypoints
        self._aligner = aligner
        self._scenes = Scenes()

    def push(self, frame: Frame) -> Sighting:
        """Find the interviewee in the next frame."""
        started = time.perf_counter()
        start = self._subject.look(frame, tracked=self._keypoints.region is not None)
        if start.cut:
            self._keypoints.reset()
        region, align_ms = self._aligned(frame.image, start.region)
        pose = self._keypoints.push(frame.image, region)
        landmarks = self._keypoints.landmarks if pose is not None else None
        portrait = self._subject.settle(landmarks.body.points if landmarks else None, frame)
        timings = dict(self._keypoints.timings_ms)
        timings["detector"] = start.detector_ms + align_ms
        timings["warp"] += start.warp_ms
        networks = self._keypoints.network_ms + timings["detector"]
        if portrait is None:
            self._keypoints.reset()
            pose = landmarks = None
        portrait, scene = self._scenes.push(portrait, discontinuity=frame.discontinuity)
        timings["total"] = 1e3 * (time.perf_counter() - started)
        timings["other"] = timings["total"] - networks - timings["warp"]
        return Sighting(portrait, pose, landmarks, scene, timings)

    def _aligned(self, image: Image, region: Region | None) -> tuple[Region | None, float]:
        """Start region for the keypoint networks, in the form they need, and the milliseconds it took."""
        if region is None or self._aligner is None:
            return region, 0.0
        square = region.scaled(1.0)
        found = self._aligner.search(image, square)
        same = max(found, key=lambda person: overlap(person.box, region.box), default=None)
        return (same.region if same else square), self._aligner.ms

    def leave_hands(self, left: bool) -> None:
        """Switch the hands off or on again from the next frame on; thread-safe."""
        self._keypoints.leave_hands(left)

    def reset(self) -> None:
        """Start a new stream."""
        self._subject.reset()
        self._keypoints.reset()
        self._scenes.reset()
