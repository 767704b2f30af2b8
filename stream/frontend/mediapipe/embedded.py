"""The front end with the embedded networks, except those replaced by other models."""

from pathlib import Path

from stream.bundle import model_cache
from stream.bundle.manifest import Extractor
from stream.frontend.detection import Detector
from stream.frontend.front_end import FrontEnd, Keypoints
from stream.frontend.mediapipe.holistic import Holistic
from stream.frontend.mediapipe.person_detector import PoseDetector

# The extractor recorded for these points, unless other keypoints are given.
EXTRACTOR = Extractor(name=model_cache.HOLISTIC.requirement, sha256=model_cache.HOLISTIC.sha256)


def from_folder(
    folder: Path,
    threads: int = 2,
    *,
    detector: Detector | None = None,
    keypoints: Keypoints | None = None,
) -> FrontEnd:
    """``folder`` contains the embedded networks; ``detector`` and ``keypoints`` replace them if given.

    Holistic starts from a region found by the embedded detector. With another detector, the embedded one
    looks for that region inside the other's box.
    """
    embedded = folder / "pose_detection.tflite"
    aligner = PoseDetector(embedded, threads) if detector and keypoints is None else None
    return FrontEnd(
        detector or PoseDetector(embedded, threads), keypoints or Holistic(folder, threads), aligner
    )


def from_cache(
    threads: int = 2, *, detector: Detector | None = None, keypoints: Keypoints | None = None
) -> FrontEnd:
    """The same with the models in the cache, as far as they are needed.

    Raises ModelError, naming the command that downloads them, if they are needed and missing.
    """
    needed = detector is None or keypoints is None
    folder = model_cache.locate(model_cache.HOLISTIC.name) if needed else Path()
    return from_folder(folder, threads, detector=detector, keypoints=keypoints)
