"""The whole-body front end around its network, which is a drawn person here."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from stream import skeleton
from stream.bundle.manifest import Graph, Tensor
from stream.errors import ModelError
from stream.frontend.onnx_models import wholebody
from stream.frontend.onnx_models.wholebody import GROWTH, MEAN, STD, WholeBody, fitted, following
from stream.frontend.subject import torso
from stream.geometry import Region, affine, apply, inverse

W, H = 192, 256
SHAPES = ((1, 3, H, W), ((1, 133, 2 * W), (1, 133, 2 * H)))


def graph(shapes=SHAPES) -> Graph:
    outputs = tuple(
        Tensor(name=name, shape=shape, dtype="float32")
        for name, shape in zip(("simcc_x", "simcc_y"), shapes[1], strict=False)
    )
    picture = Tensor(name="input", shape=shapes[0], dtype="float32")
    return Graph(file="rtmw.onnx", inputs=(picture,), outputs=outputs)


class Stub:
    """Answers with peaks at given points of the crop."""

    shapes = SHAPES

    def __init__(self, path: Path, given: Graph | None = None, **_: object) -> None:
        self.path, self.graph = path, graph(self.shapes)
        self.crop = np.zeros((H, W, 3), np.float32)
        self.at = np.zeros((133, 2), np.float32)
        self.scores = np.ones(133, np.float32)

    def __call__(self, input: np.ndarray) -> tuple[np.ndarray, ...]:
        assert input.shape == (1, 3, H, W)
        assert input.dtype == np.float32
        self.crop = input[0].transpose(1, 2, 0) * np.array(STD, np.float32) + np.array(MEAN, np.float32)
        x, y = np.zeros((1, 133, 2 * W), np.float32), np.zeros((1, 133, 2 * H), np.float32)
        for rows, side in ((x, 0), (y, 1)):
            bins = np.clip(np.round(2 * self.at[:, side]), 0, rows.shape[2] - 1).astype(int)
            rows[0, np.arange(133), bins] = self.scores
        return x, y


@pytest.fixture
def front(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WholeBody:
    monkeypatch.setattr(wholebody, "Engine", Stub)
    path = tmp_path / "rtmw.onnx"
    path.write_bytes(b"\x08\x08")  # the shortest ONNX file
    return WholeBody(path)


def person(width: float = 60.0) -> np.ndarray:
    """133 points somewhere sensible around a head at (0, 0), pixels."""
    rng = np.random.default_rng(1)
    points = rng.uniform(-0.3, 0.3, (133, 2))
    points[[1, 2]] = (0.15, -0.1), (-0.15, -0.1)
    points[[71, 77]] = (-0.1, 0.2), (0.1, 0.2)
    points[[5, 6]] = (0.5, 0.7), (-0.5, 0.7)
    points[[7, 8]] = (0.6, 1.4), (-0.6, 1.4)
    points[[11, 12]] = (0.35, 2.0), (-0.35, 2.0)
    points[[9, 10, 13, 14, 15, 16]] = 0.0, 1.8
    return (points * width).astype(np.float32)


def test_the_crop_is_mmpose_s(front: WholeBody) -> None:
    """Against its own three-point construction: box padded by 1.25, aspect fixed, bilinear, black outside."""
    image = np.random.default_rng(0).integers(0, 255, (360, 640, 3)).astype(np.uint8)
    box = (500.0, 20.0, 640.0, 340.0)
    x0, y0, x1, y1 = box
    centre, scale = np.array((x0 + x1, y0 + y1)) / 2, np.array((x1 - x0, y1 - y0)) * 1.25
    scale = np.array((scale[1] * W / H, scale[1])) if scale[0] < scale[1] * W / H else scale
    up, across = np.array((0, -scale[0] / 2)), np.array((-scale[0] / 2, 0))
    source = np.array((centre, centre + up, centre + up + across), np.float32)
    target = np.array(((W / 2, H / 2), (W / 2, 0), (0, 0)), np.float32)
    target[1:, 1] = H / 2 - W / 2  # scale[0] is the width, so a step of half of it is W / 2
    expected = cv2.warpAffine(image, cv2.getAffineTransform(source, target), (W, H), flags=cv2.INTER_LINEAR)
    grown = Region(*centre.tolist(), 1.25 * (x1 - x0), 1.25 * (y1 - y0))
    front.push(image, grown)
    off = np.abs(front._engine.crop - expected)
    assert off.mean() < 0.5, "channel order, padding or place differ"
    assert (expected[:, -20:] == 0).all(), "the box reaches out of the frame"


def test_points_come_back_to_the_frame_and_the_crop_follows_them(front: WholeBody) -> None:
    image = np.zeros((720, 1280, 3), np.uint8)
    true = person() + np.array((600, 200), np.float32)
    region = Region(600, 260, 300, 400)
    for step in range(3):
        used = fitted(region, (W, H)) if step == 0 else front.region
        assert used is not None
        front._engine.at = apply(inverse(affine(used, (W, H))), true)
        pose = front.push(image, region if step == 0 else None)
        assert pose is not None
        bin_px = used.width / W / 2
        off = np.abs(pose.points - true[[5]])[skeleton.INDEX["left_shoulder"]]
        assert off.max() <= bin_px, "half a bin away at most, and it is the subject's left"
        assert pose.valid.all()
    assert front.region is not None
    assert abs(front.region.width / front.region.height - W / H) < 1e-6
    x0, y0, x1, y1 = front.region.box
    assert (true[:91] >= (x0, y0)).all()
    assert (true[:91] <= (x1, y1)).all()
    assert set(front.timings_ms) == {"wholebody", "warp", "other"}
    assert front.network_ms > 0


def test_nobody_is_none_until_a_region_comes(front: WholeBody) -> None:
    image = np.zeros((720, 1280, 3), np.uint8)
    assert front.push(image) is None, "no track yet"
    front._engine.at = np.full((133, 2), 90, np.float32) + person(30)
    assert front.push(image, Region(600, 260, 300, 400)) is not None
    assert front.landmarks is not None
    front._engine.scores[:7] = 0.1  # head and shoulders
    assert front.push(image) is None
    assert front.region is None
    assert front.landmarks is None
    front._engine.scores[:] = 1
    assert front.push(image) is None
    assert front.push(image, Region(600, 260, 300, 400)) is not None


def test_a_still_person_s_crop_rests_and_a_moving_one_s_follows() -> None:
    points, scores = person(), np.ones(133, np.float32)
    first = following(Region(0, 0, 1, 1), points, scores, (W, H))
    assert first is not None
    height = np.ptp(points[:91, 1])
    assert first.height == pytest.approx(GROWTH * height, rel=1e-4)
    assert following(first, points + 1, scores, (W, H)) is first
    moved = following(first, points + 40, scores, (W, H))
    assert moved is not None
    assert moved.cx == pytest.approx(first.cx + 40, abs=1e-3)
    scores[:7] = 0.0
    assert following(first, points, scores, (W, H)) is None
    assert following(first, np.zeros_like(points), np.ones(133, np.float32), (W, H)) is None


def test_the_portrait_reaches_from_the_head_to_hips_that_are_not_seen() -> None:
    points, scores = person(), np.ones(133, np.float32)
    seen = torso(wholebody.body_of(points, scores).points)
    points[[11, 12]] = 5000.0  # under the table: anywhere
    scores[[11, 12]] = 0.1
    guessed = torso(wholebody.body_of(points, scores).points)
    assert seen[1] == guessed[1] < points[1, 1], "above the eyes"
    assert abs(seen[3] - guessed[3]) < 0.15 * (seen[3] - seen[1])


@pytest.mark.parametrize(
    "shapes",
    [
        ((1, 3, H, W), ((1, 17, 2 * W), (1, 17, 2 * H))),
        ((1, 3, H, W), ((1, 133, H), (1, 133, W))),
        ((1, 3, H, W), ((1, 133, 64, 48),)),
        ((1, 3, 640, 640), ((1, 84, 8400),)),
    ],
)
def test_another_network_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shapes: tuple
) -> None:
    monkeypatch.setattr(Stub, "shapes", shapes)
    monkeypatch.setattr(wholebody, "Engine", Stub)
    path = tmp_path / "other.onnx"
    path.write_bytes(b"\x08\x08")  # the shortest ONNX file
    with pytest.raises(ModelError, match="expected a whole-body network") as raised:
        WholeBody(path)
    assert "\n" not in str(raised.value)


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="expected an RTMW or DWPose file in ONNX, found none"):
        WholeBody(tmp_path / "rtmw.onnx")
