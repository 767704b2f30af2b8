"""The front end of the fast lane: one frame → who, and their 137 points."""

import time
from pathlib import Path
from typing import Protocol

from stream.bundle import model_cache
from stream.bundle.manifest import Extractor
from stream.frontend.mediapipe.holistic import Holistic
from stream.frontend.mediapipe.person_detector import PoseDetector
from stream.frontend.subject import Detector, Subject
from stream.geometry import Region, overlap
from stream.records import Floats, Frame, Image, Portrait, Pose

# Whose points these are, unless other keypoints are given.
EXTRACTOR = Extractor(name=model_cache.HOLISTIC.requirement, sha256=model_cache.HOLISTIC.sha256)


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

    @property
    def region(self) -> Region | None: ...

    @property
    def landmarks(self) -> Landmarks | None: ...

    @property
    def network_ms(self) -> float: ...

    @property
    def timings_ms(self) -> dict[str, float]: ...


class FrontEnd:
    """Detector, subject and keypoints in sequence; one stream, one thread.

    ``folder`` holds the embedded networks, of which a detector or keypoints that are given take the place.
    Holistic starts in a region that the embedded detector lays; it looks inside of another one's box for it.
    """

    def __init__(
        self,
        folder: Path,
        threads: int = 2,
        *,
        detector: Detector | None = None,
        keypoints: Keypoints | None = None,
    ) -> None:
        embedded = folder / "pose_detection.tflite"
        self._subject = Subject(detector or PoseDetector(embedded, threads))
        self._aligner = PoseDetector(embedded, threads) if detector and keypoints is None else None
        self._align_ms = 0.0
        self.keypoints: Keypoints = keypoints or Holistic(folder, threads)
        self._total_ms = 0.0

    @classmethod
    def from_cache(
        cls, threads: int = 2, *, detector: Detector | None = None, keypoints: Keypoints | None = None
    ) -> "FrontEnd":
        """On the pulled models, as far as nothing else is given.

        Raises ModelError, with the command that brings them, if they are needed and missing.
        """
        needed = detector is None or keypoints is None
        folder = model_cache.locate(model_cache.HOLISTIC.name) if needed else Path()
        return cls(folder, threads, detector=detector, keypoints=keypoints)

    def push(self, frame: Frame) -> tuple[Portrait | None, Pose | None]:
        """Both, or (None, None): nobody there."""
        begun = time.perf_counter()
        start = self._subject.look(frame, tracked=self.keypoints.region is not None)
        if start.cut:
            self.keypoints.reset()
        pose = self.keypoints.push(frame.image, self._aligned(frame.image, start.region))
        seen = self.keypoints.landmarks if pose is not None else None
        portrait = self._subject.settle(seen.body.points if seen else None, frame)
        if portrait is None:
            self.keypoints.reset()
            pose = None
        self._total_ms = 1e3 * (time.perf_counter() - begun)
        return portrait, pose

    def _aligned(self, image: Image, region: Region | None) -> Region | None:
        """Where the keypoints start, in the form that they know."""
        self._align_ms = 0.0
        if region is None or self._aligner is None:
            return region
        square = region.scaled(1.0)
        found = self._aligner.search(image, square)
        self._align_ms = self._aligner.ms
        same = max(found, key=lambda person: overlap(person.box, region.box), default=None)
        return same.region if same else square

    def reset(self) -> None:
        """Start a new stream."""
        self._subject.reset()
        self.keypoints.reset()

    @property
    def timings_ms(self) -> dict[str, float]:
        """Of the last push: ``detector``, each network by name, ``warp``, ``other`` between, ``total``."""
        detector = self._subject.detector_ms + self._align_ms
        networks = self.keypoints.network_ms + detector
        timings = {**self.keypoints.timings_ms, "detector": detector}
        timings["warp"] += self._subject.warp_ms
        timings["other"] = self._total_ms - networks - timings["warp"]
        timings["total"] = self._total_ms
        return timings
