"""The whole chain on the CPU with random weights: YOLO11x, whole-body points, DINOv2-Base at 518, a bundle.

A random detector finds nobody, so the box is put in after it has run.
"""

import msgspec
import numpy as np
import pytest

from export.bundles.untrained import write_untrained
from export.frontends.wholebody import export_wholebody
from stream.branches.image import encoder_from
from stream.bundle.load import Bundle
from stream.bundle.manifest import Window
from stream.errors import BundleError
from stream.frontend.detection import Detection
from stream.frontend.mediapipe import embedded
from stream.frontend.onnx_models.wholebody import WholeBody
from stream.frontend.onnx_models.yolo import YoloDetector, grown
from stream.records import Frame
from stream.runtime.analyzer import Analyzer

BOX = (220.0, 40.0, 420.0, 350.0)
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


class Injected:
    """The true network runs; whom it did not find is put in."""

    def __init__(self, network):
        self.network, self.runs = network, 0

    @property
    def ms(self):
        return self.network.ms

    def levels(self, width, height):
        return self.network.levels(width, height)

    def search(self, image, view):
        self.runs += 1
        assert self.network.search(image, view) == []
        return [Detection(0.9, BOX, grown(BOX))]


def test_a_film_through_the_exported_models(yolo11x, dinov2_base, rtmw, tmp_path):
    encoder, _ = dinov2_base
    window = Window(poses=30, features=6)
    small = write_untrained(tmp_path / "b", window, dim=16, features=768, size=28, text=False)
    loaded = Bundle.load(small)
    with pytest.raises(BundleError, match="portraits of side 28"):
        encoder_from(encoder, loaded)
    loaded = resized(loaded, 518)
    points = tmp_path / "models" / export_wholebody(str(rtmw), tmp_path / "models").file
    detector = Injected(YoloDetector(yolo11x))
    front = embedded.from_cache(detector=detector, keypoints=WholeBody(points))
    analyzer = Analyzer(loaded, front, encoder=encoder_from(encoder, loaded))
    rng = np.random.default_rng(0)
    base = rng.integers(0, 255, (360, 640, 3)).astype(np.uint8)
    portraits = 0
    for i in range(6):
        seen = analyzer.observe(Frame(i, i / 25, i / 25, np.roll(base, i, axis=1)))
        portraits += seen.portrait is not None
        assert {"detector", "wholebody", "warp", "other", "total"} <= set(seen.timings_ms)
    found = analyzer.flush()
    assert detector.runs > 0
    assert portraits > 0
    assert 0 < found.win < 1
    assert found.branches["keypoints"] is not None
    assert found.branches["image"] is not None


def resized(loaded, size):
    """The bundle as if its encoder took portraits of this side."""
    image = msgspec.structs.replace(loaded.manifest.image, size=size)
    return msgspec.structs.replace(loaded, manifest=msgspec.structs.replace(loaded.manifest, image=image))
