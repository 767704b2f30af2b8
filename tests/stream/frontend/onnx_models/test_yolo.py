"""Around a YOLO network: the way in, the way out, and files that are none."""

import numpy as np
import pytest

from stream.bundle.manifest import Extractor, Graph, Tensor
from stream.bundle.model_card import Card
from stream.errors import ModelError
from stream.frontend.onnx_models import yolo
from stream.frontend.onnx_models.yolo import Fit, YoloDetector, decode, letterboxed
from stream.geometry import Region, overlap


def raw_of(rng: np.random.Generator, boxes: int, classes: int = 80) -> np.ndarray:
    """Boxes in clusters, one class of each surer than the others."""
    raw = np.zeros((4 + classes, boxes), np.float32)
    raw[:2] = (rng.integers(1, 6, (2, boxes)) * 100) + rng.normal(0, 12, (2, boxes))
    raw[2:4] = rng.uniform(60, 140, (2, boxes))
    raw[4:] = rng.uniform(0, 0.2, (classes, boxes))
    raw[4 + rng.integers(0, 3, boxes), np.arange(boxes)] = rng.uniform(0, 1, boxes)
    return raw


def reference(raw: np.ndarray, person: int, confidence: float, suppression: float) -> list[list[float]]:
    """Greedy suppression, as it is defined."""
    people = [
        (float(column[4:].max()), column[:4])
        for column in raw.T
        if column[4:].argmax() == person and column[4:].max() > confidence
    ]
    kept: list[list[float]] = []
    for score, (x, y, w, h) in sorted(people, key=lambda each: -each[0]):
        box = [float(v) for v in (x - w / 2, y - h / 2, x + w / 2, y + h / 2)]
        if all(overlap(tuple(box), tuple(other[:4])) <= suppression for other in kept):
            kept.append([*box, score])
    return kept


@pytest.mark.parametrize("seed", range(20))
def test_random_outputs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    raw = raw_of(rng, 300)
    person, suppression = seed % 3, float(rng.uniform(0.3, 0.8))
    boxes, scores = decode(raw, person, confidence=0.25, suppression=suppression)
    expected = np.array(reference(raw, person, 0.25, suppression))
    assert 3 < len(expected) < 100
    np.testing.assert_allclose(np.column_stack((boxes, scores)), expected, atol=1e-3)


def test_nobody() -> None:
    boxes, scores = decode(np.zeros((84, 100), np.float32))
    assert boxes.shape == (0, 4)
    assert scores.shape == (0,)


@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (640, 384), (333, 777), (1, 3000), (20, 10)])
@pytest.mark.parametrize("size", [(640, 640), (640, 384)])
def test_a_box_there_and_back(width: int, height: int, size: tuple[int, int]) -> None:
    fit = Fit.of(width, height, size)
    box = np.array([[0.1 * width, 0.2 * height, 0.7 * width, 0.9 * height]], np.float32)
    gain = np.array((fit.scaled[0] / width, fit.scaled[1] / height) * 2, np.float32)
    there = box * gain + np.array((fit.left, fit.top) * 2, np.float32)
    np.testing.assert_allclose(fit.back(there), box, atol=1e-3 * max(width, height))
    beyond = fit.back(np.array([[-50, -50, 5000, 5000]], np.float32))
    np.testing.assert_array_equal(beyond, [[0, 0, width, height]])


def test_the_picture_lies_in_the_middle_of_grey() -> None:
    framed, fit = letterboxed(np.full((100, 400, 3), 200, np.uint8), (640, 384))
    assert framed.shape == (384, 640, 3)
    assert (fit.left, fit.top, fit.scaled) == (0, 112, (640, 160))
    assert (framed[:112] == 114).all()
    assert (framed[112:272] == 200).all()
    assert (framed[272:] == 114).all()


def card(**changes: object) -> Card:
    picture = Tensor(name="images", shape=(1, 3, 384, 640), dtype="float32")
    boxes = Tensor(name="boxes", shape=(1, 84, 5040), dtype="float32")
    fields: dict[str, object] = {
        "kind": "detector",
        "file": "yolo.onnx",
        "sha256": "",
        "size": 0,
        "source": "yolo.pt",
        "extractor": Extractor(name="yolo", sha256="0"),
        "licence": "AGPL-3.0",
        "graph": Graph(file="yolo.onnx", inputs=(picture,), outputs=(boxes,)),
        "person": 0,
        "opset": 18,
        "precision": "fp32",
        "tools": {},
        "created": "2026-01-01",
    }
    return Card(**(fields | changes))


class Stub:
    """A network that sees one person in the middle of its input, half as wide and high."""

    def __init__(self, path: object, graph: Graph, **_: object) -> None:
        self.seen = np.zeros(0)

    def warm_up(self) -> None: ...

    def __call__(self, images: np.ndarray) -> tuple[np.ndarray]:
        assert images.shape == (1, 3, 384, 640)
        assert images.dtype == np.float32
        self.seen = images
        raw = np.zeros((1, 84, 5040), np.float32)
        raw[0, :5, 7] = 320, 192, 320, 192, 0.9
        return (raw,)


@pytest.fixture
def detector(tmp_path, monkeypatch) -> YoloDetector:
    monkeypatch.setattr(yolo, "Engine", Stub)
    monkeypatch.setattr(yolo, "card_of", lambda path, kind: card())
    return YoloDetector(tmp_path / "yolo.onnx")


def test_a_person_in_the_frame_and_in_a_part_of_it(detector: YoloDetector) -> None:
    image = np.zeros((1080, 1920, 3), np.uint8)
    image[..., 0] = 255
    (person,) = detector.search(image, Region(960, 540, 1920, 1920))  # the square around the frame
    assert person.box == pytest.approx((480, 252, 1440, 828), abs=0.01)
    assert person.score == pytest.approx(0.9)
    assert (person.region.cx, person.region.cy) == pytest.approx((960, 540), abs=0.01)
    assert (person.region.width, person.region.height) == pytest.approx((1200, 720), abs=0.02)
    middle = detector._engine.seen[0, :, 192, 320]
    assert middle.tolist() == [1.0, 0.0, 0.0], "RGB in 0..1"
    (part,) = detector.search(image, Region(300, 300, 400, 400))
    assert part.box == pytest.approx((133.3, 200, 466.7, 400), abs=0.1)
    assert detector.ms > 0
    assert detector.levels(1920, 1080) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"person": None},
        {"graph": Graph(file="x", inputs=(), outputs=())},
        {
            "graph": Graph(
                file="x",
                inputs=(Tensor(name="images", shape=(1, 3, 224, 224), dtype="float32"),),
                outputs=(Tensor(name="classes", shape=(1, 1000), dtype="float32"),),
            )
        },
    ],
)
def test_another_network_is_one_sentence(tmp_path, monkeypatch, changes) -> None:
    monkeypatch.setattr(yolo, "Engine", Stub)
    monkeypatch.setattr(yolo, "card_of", lambda path, kind: card(**changes))
    with pytest.raises(ModelError, match="expected a detector with pictures") as raised:
        YoloDetector(tmp_path / "yolo.onnx")
    assert "\n" not in str(raised.value)
