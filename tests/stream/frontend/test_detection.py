"""Every person detector can be called as the front end calls it."""

import inspect

import pytest

from stream.frontend.detection import Detection, Detector
from stream.frontend.mediapipe.person_detector import PoseDetector
from stream.frontend.onnx_models.yolo import YoloDetector
from stream.geometry import Region


@pytest.mark.parametrize("kind", [PoseDetector, YoloDetector])
@pytest.mark.parametrize("method", ["search", "levels"])
def test_detectors_take_what_the_protocol_names(kind: type, method: str) -> None:
    promised, found = (inspect.signature(getattr(owner, method)) for owner in (Detector, kind))
    assert list(found.parameters) == list(promised.parameters)
    assert found.return_annotation == promised.return_annotation


def test_a_detection_can_be_put_into_a_set() -> None:
    """It is compared by its values: two searches of one picture find the same person."""
    one, same = (Detection(0.5, (0, 0, 9, 9), Region(4, 4, 9, 9)) for _ in range(2))
    assert len({one, same, Detection(0.6, one.box, one.region)}) == 2
