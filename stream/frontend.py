"""The front end of the fast lane: one frame → who, and their 137 points."""

import time
from pathlib import Path

from stream import models
from stream.contract import Extractor
from stream.detector.pose import PoseDetector
from stream.keypoints.holistic import Holistic
from stream.records import Frame, Portrait, Pose
from stream.subject import Subject

# Whose points these are.
EXTRACTOR = Extractor(name=models.HOLISTIC.requirement, sha256=models.HOLISTIC.sha256)


class FrontEnd:
    """Detector, subject and keypoints in sequence; one stream, one thread."""

    def __init__(self, folder: Path, threads: int = 2) -> None:
        self._subject = Subject(PoseDetector(folder / "pose_detection.tflite", threads))
        self.keypoints = Holistic(folder, threads)
        self._total_ms = 0.0

    @classmethod
    def from_cache(cls, threads: int = 2) -> "FrontEnd":
        """On the pulled models. Raises ModelError, with the command that brings them, if they are missing."""
        return cls(models.locate(models.HOLISTIC.name), threads)

    def push(self, frame: Frame) -> tuple[Portrait | None, Pose | None]:
        """Both, or (None, None): nobody there."""
        begun = time.perf_counter()
        start = self._subject.look(frame, tracked=self.keypoints.region is not None)
        if start.cut:
            self.keypoints.reset()
        pose = self.keypoints.push(frame.image, start.region)
        seen = self.keypoints.landmarks if pose is not None else None
        portrait = self._subject.settle(seen.body.points if seen else None, frame)
        if portrait is None:
            self.keypoints.reset()
            pose = None
        self._total_ms = 1e3 * (time.perf_counter() - begun)
        return portrait, pose

    def reset(self) -> None:
        """Start a new stream."""
        self._subject.reset()
        self.keypoints.reset()

    @property
    def timings_ms(self) -> dict[str, float]:
        """Of the last push: ``detector``, each network by name, ``warp``, ``other`` between, ``total``."""
        networks = self.keypoints.network_ms + self._subject.detector_ms
        timings = {**self.keypoints.timings_ms, "detector": self._subject.detector_ms}
        timings["warp"] += self._subject.warp_ms
        timings["other"] = self._total_ms - networks - timings["warp"]
        timings["total"] = self._total_ms
        return timings
