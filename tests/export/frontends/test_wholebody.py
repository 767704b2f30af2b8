"""An RTMW-like file as it is: card, decoding of a real graph's output, and what is no such file."""

import cv2
import numpy as np
import onnx
import pytest

from export.frontends.wholebody import export_wholebody
from export.lowering.module_parity import session
from stream.bundle.model_card import card_file
from stream.errors import BundleError, ModelError
from stream.files import sha256_of
from stream.frontend.onnx_models.wholebody import MEAN, STD, WholeBody, fitted
from stream.geometry import Region


@pytest.fixture(scope="module")
def model(rtmw, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return folder / export_wholebody(str(rtmw), folder).file


def test_the_file_is_taken_as_it_is(rtmw, model):
    assert model.read_bytes() == rtmw.read_bytes()
    card = card_file(model).read_text()
    assert sha256_of(rtmw) in card
    assert '"opset": 18' in card
    found = WholeBody(model)
    assert found.size == (192, 256)


@pytest.mark.parametrize("seed", range(3))
def test_points_are_where_a_reference_puts_them(model, seed):
    """Crop by three points, mmpose's normalisation, a loop over the scores, and back."""
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 255, (400, 300, 3)).astype(np.uint8)
    region = Region(150, 200, 180, 240)
    front = WholeBody(model)
    front.push(image, region)
    x0, y0 = 150 - 180 / 2, 200 - 240 / 2
    target = np.array(((0, 0), (192, 0), (0, 256)), np.float32)
    source = np.array(((x0, y0), (x0 + 180, y0), (x0, y0 + 240)), np.float32)
    crop = cv2.warpAffine(image, cv2.getAffineTransform(source, target), (192, 256), flags=cv2.INTER_LINEAR)
    pixels = ((crop - np.array(MEAN)) / np.array(STD)).transpose(2, 0, 1)[None].astype(np.float32)
    x, y = session(model).run(None, {"input": pixels})
    agreed = 0
    assert fitted(region, (192, 256)) == region
    assert front.landmarks is not None
    for i in range(133):
        column, row = int(np.argmax(x[0, i])), int(np.argmax(y[0, i]))
        place = np.array((column / 2 / 192 * 180 + x0, row / 2 / 256 * 240 + y0))
        agreed += bool(np.abs(front.landmarks.points[i] - place).max() < 1e-2)
        score = (x[0, i].max() + y[0, i].max()) / 2
        assert front.landmarks.scores[i] == pytest.approx(score, rel=0.05)
    assert agreed > 120, "noise at equal peaks apart, where rounding of the crop decides"


def test_a_card_that_does_not_belong_is_refused(model, tmp_path):
    path = tmp_path / model.name
    path.write_bytes(model.read_bytes())
    card_file(path).write_text(card_file(model).read_text().replace('"sha256": "', '"sha256": "0', 1))
    with pytest.raises(ModelError, match="found another file"):
        WholeBody(path)


def test_other_files_are_one_sentence(rtmw, tmp_path, rtmw_of):
    for path, words in (
        (rtmw_of(points=17), "expected a whole-body network"),
        (rtmw_of(split=3), "expected a whole-body network"),
        (tmp_path / "none.onnx", "expected an RTMW or DWPose file in ONNX, found none"),
    ):
        with pytest.raises(ModelError, match=words) as raised:
            export_wholebody(str(path), tmp_path / "out")
        assert "\n" not in str(raised.value)
    cut = tmp_path / "cut.onnx"
    cut.write_bytes(rtmw.read_bytes()[:5000])
    with pytest.raises(ModelError, match="expected a whole ONNX graph") as raised:
        export_wholebody(str(cut), tmp_path / "out")
    assert "\n" not in str(raised.value)
    with pytest.raises(BundleError, match="expected a whole ONNX graph"):
        WholeBody(cut)
    assert not (tmp_path / "out").exists()


def test_a_size_left_open_is_one_sentence(rtmw, tmp_path):
    model = onnx.load(rtmw)
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_param = "height"
    onnx.save(model, tmp_path / "open.onnx")
    with pytest.raises(ModelError, match="expected float32 inputs of fixed shape"):
        export_wholebody(str(tmp_path / "open.onnx"), tmp_path / "out")
