"""An encoder that takes its channels last, as other tools export them, without a card."""

import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from typer.testing import CliRunner

from stream.branches.options import ImageOptions
from stream.cli.app import app
from stream.runtime.front_end_choice import Choice

pytestmark = pytest.mark.slow


def channels_last(path, side=8):
    """Mean colour of a portrait, [1, side, side, 3] → [1, 3]."""
    value = helper.make_tensor_value_info
    axes = numpy_helper.from_array(np.array([1, 2], np.int64), "axes")
    graph = helper.make_graph(
        [helper.make_node("ReduceMean", ["pixels", "axes"], ["vector"], keepdims=0)],
        "g",
        [value("pixels", TensorProto.FLOAT, [1, side, side, 3])],
        [value("vector", TensorProto.FLOAT, [1, 3])],
        [axes],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)
    return path


def test_channels_may_come_last(tmp_path):
    path = channels_last(tmp_path / "colour.onnx")
    given = ImageOptions(8, "0.5,0.5,0.5", "0.25,0.25,0.5", "nhwc")
    encode = Choice(image=path, encoding=given).encoder()
    crop = np.random.default_rng(0).integers(0, 255, (8, 8, 3)).astype(np.uint8)
    expected = ((crop / 255 - 0.5) / np.array([0.25, 0.25, 0.5])).mean((0, 1))
    np.testing.assert_allclose(encode(crop), expected, atol=1e-5)


@pytest.mark.usefixtures("holistic_files")
def test_inspect_takes_one_without_a_card(tmp_path):
    path = channels_last(tmp_path / "colour.onnx")
    arguments = ["inspect", "demo", "--json", "--image", str(path), "--image-size", "8"]
    done = CliRunner().invoke(app, [*arguments, "--image-layout", "nhwc", "--image-mean", "0,0,0"])
    assert done.exit_code == 0, done.output
    assert len(json.loads(done.stdout)["image"]) == 3
