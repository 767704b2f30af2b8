"""The whole chain on the CPU with random weights: exported detector, whole-body points, image encoder, bundle.

A random detector finds nobody, so the box is put in after it has run.
"""

import numpy as np
import pytest
import torch
from transformers import Dinov2Config, Dinov2Model

from export.frontends.detector import export_detector
from export.frontends.image import export_image
from export.frontends.wholebody import export_wholebody
from stream import contract
from stream.analyzer import Analyzer
from stream.contract import Window
from stream.detector.pose import Detection
from stream.detector.yolo import YoloDetector, grown
from stream.errors import BundleError
from stream.features import encoder_from
from stream.frontend import FrontEnd
from stream.keypoints.wholebody import WholeBody
from stream.records import Frame

BOX = (220.0, 40.0, 420.0, 350.0)
pytestmark = pytest.mark.timeout(1800)


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


@pytest.fixture(scope="module")
def exported(tmp_path_factory, rtmw, ultralytics):
    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "mlp_ratio": 2}
    Dinov2Model(Dinov2Config(image_size=56, **sizes)).save_pretrained(folder / "dinov2-tiny")
    return {
        "detector": folder / export_detector("yolo11n.yaml", folder, size=(320, 192)).file,
        "keypoints": folder / export_wholebody(str(rtmw), folder).file,
        "image": folder / export_image(str(folder / "dinov2-tiny"), folder, size=56).file,
    }


def test_a_film_through_the_exported_models(bundle, exported):
    """The bundle's encoder has the same width as the exported one: 16."""
    loaded = contract.load(bundle)
    size = loaded.manifest.image.size
    with pytest.raises(BundleError, match=f"portraits of side {size}"):
        encoder_from(exported["image"], loaded)
    loaded = resized(loaded, 56)
    detector = Injected(YoloDetector(exported["detector"], threads=1))
    front = FrontEnd.from_cache(1, detector=detector, keypoints=WholeBody(exported["keypoints"], threads=1))
    analyzer = Analyzer(loaded, front, encoder=encoder_from(exported["image"], loaded))
    rng = np.random.default_rng(0)
    base = rng.integers(0, 255, (360, 640, 3)).astype(np.uint8)
    portraits = 0
    for i in range(12):
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
    import msgspec

    image = msgspec.structs.replace(loaded.manifest.image, size=size)
    return msgspec.structs.replace(loaded, manifest=msgspec.structs.replace(loaded.manifest, image=image))
