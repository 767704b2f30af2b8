"""Detectors: YOLO11x at its true size with random weights, checkpoints that read, and what is none."""

import numpy as np
import onnx
import pytest
import torch

from export.frontends import detector
from export.frontends.checkpoint import load
from export.frontends.detector import export_detector
from export.frontends.pictures import patches
from export.frontends.write_model import difference
from export.lowering.float16 import to_float16
from export.lowering.module_parity import session
from stream.bundle.model_card import card_of
from stream.errors import ModelError, UsageError
from stream.files import sha256_of
from stream.frontend.onnx_models.yolo import YoloDetector
from stream.geometry import letterbox

SHAPE = (1, 3, 384, 640)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),  # half a minute of work for YOLO11x; a busy machine is no failure
]


@pytest.fixture(scope="module")
def unseen():
    """Pictures that were not traced, and what the network says of them."""
    rng = np.random.default_rng(77)
    pictures = [patches(rng, SHAPE) for _ in range(2)]
    network, _, _ = load("yolo11x.yaml")
    with torch.inference_mode():
        return [(each, network(torch.from_numpy(each)).numpy()) for each in pictures]


def test_yolo11x_equals_torch_on_unseen_pictures(yolo11x, unseen):
    card = card_of(yolo11x, "detector")
    assert sum(np.prod(w.dims) for w in onnx.load(yolo11x).graph.initializer) > 56.8e6, "not the true size"
    assert card.graph.outputs[0].shape == (1, 84, 5040)
    assert (card.person, card.precision, card.opset >= 18) == (0, "fp32", True)
    assert card.parity.cases >= 2
    assert "AGPL" in card.licence
    run = session(yolo11x, threads=2)
    answers = []
    for image, expected in unseen:
        (found,) = run.run(None, {"images": image})
        for part in (slice(0, 4), slice(4, 84)):
            assert difference(expected[:, part], found[:, part])[0] <= 1e-4
        answers.append(found[:, 4:])
    assert difference(answers[0], answers[1])[0] > 1e-2, "these weights must tell pictures apart"


def test_yolo11x_in_float16(yolo11x, unseen, tmp_path):
    """Well formed and rounded: the CPU provider computes its sums in float32."""
    half = to_float16(onnx.load(yolo11x), tail=True)
    weights = {w.data_type for w in half.graph.initializer if len(w.dims) == 4 and w.dims[0] > 1}
    assert weights == {onnx.TensorProto.FLOAT16}
    assert {v.type.tensor_type.elem_type for v in (*half.graph.input, *half.graph.output)} == {1}
    onnx.save(half, tmp_path / "half.onnx")
    image, expected = unseen[0]
    (found,) = session(tmp_path / "half.onnx", threads=2).run(None, {"images": image})
    for part in (slice(0, 4), slice(4, 84)):
        assert difference(expected[:, part], found[:, part])[1] >= 0.9999
    rounded = expected[:, :4].astype(np.float16).astype(np.float32)
    assert np.abs(expected[:, :4] - rounded).max() > 0.1, "what float16 would do to the places"
    assert np.abs(expected[:, :4] - found[:, :4]).max() < 0.1, "pixels: the end is in float32"


def test_a_random_detector_runs_and_finds_nobody(yolo11x):
    found = YoloDetector(yolo11x)
    image = np.random.default_rng(0).integers(0, 255, (480, 853, 3)).astype(np.uint8)
    assert found.search(image, letterbox(853, 480)) == []
    assert found.ms > 0


def test_an_end_to_end_network_gives_all_its_boxes(tmp_path, ultralytics):
    """YOLO26 suppresses on its own; its other head, which ours is the way around, is exported."""
    network, _, _ = load("yolo26n.yaml")
    assert network.model[-1].one2one_cv2 is None
    card = export_detector("yolo26n.yaml", tmp_path, size=(320, 320), precision="fp16")
    assert card.graph.outputs[0].shape == (1, 84, 2100)
    assert card.parity.cosine >= 0.9999
    assert card.file == "yolo26n-320x320-fp16.onnx"


def test_a_checkpoint_with_classes_of_its_own(checkpoint, tmp_path):
    card = export_detector(str(checkpoint), tmp_path, size=(320, 192))
    assert (card.person, card.licence, card.source) == (2, "mine alone", "mine.pt")
    assert card.graph.outputs[0].shape == (1, 7, 1260)
    assert card.extractor.sha256 == sha256_of(checkpoint)


def test_no_person_among_the_classes(checkpoint, tmp_path, monkeypatch):
    network, weights, licence = load(str(checkpoint))
    network.names = {0: "racket", 1: "ball", 2: "net"}
    monkeypatch.setattr(detector, "load", lambda source: (network, weights, licence))
    with pytest.raises(ModelError, match="expected a class named person, found racket, ball, net"):
        export_detector("mine.pt", tmp_path)


@pytest.mark.parametrize("size", [(641, 640), (0, 640), (640, 100)])
def test_a_size_that_its_strides_do_not_fill(size, tmp_path, one_sentence):
    one_sentence(lambda: export_detector("yolo11x.yaml", tmp_path, size=size), "multiples of 32", UsageError)


def test_without_the_extra(tmp_path, monkeypatch, one_sentence):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    one_sentence(lambda: export_detector("yolo11x.yaml", tmp_path), r"undertone-live\[yolo\]", UsageError)
