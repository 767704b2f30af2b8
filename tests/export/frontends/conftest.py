"""ultralytics as the exporter settles it, and a small network that looks like RTMW."""

import importlib
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
import torch

from export.frontends.detector import export_detector
from stream.errors import ModelError


@pytest.fixture(scope="session")
def ultralytics(tmp_path_factory):
    """Its own post-processing and letterbox; imported without network, installs or analytics."""
    from export.frontends.checkpoint import configure_ultralytics

    patch = pytest.MonkeyPatch()
    patch.setenv("YOLO_CONFIG_DIR", str(tmp_path_factory.mktemp("ultralytics")))
    configure_ultralytics()
    modules = {"nms": "utils.nms", "ops": "utils.ops", "augment": "data.augment", "tasks": "nn.tasks"}
    yield SimpleNamespace(**{k: importlib.import_module(f"ultralytics.{v}") for k, v in modules.items()})
    patch.undo()


@pytest.fixture(scope="session")
def rtmw(tmp_path_factory):
    """A random network with RTMW's inputs and outputs at 192×256, its batch open as published."""
    path = tmp_path_factory.mktemp("rtmw") / "rtmw-like.onnx"
    write_rtmw(path)
    return path


def write_rtmw(path, points=133, split=2, size=(192, 256)):
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(0)
    width, height = size
    cells = (width // 16) * (height // 16)

    def weight(name, *shape):
        values = rng.normal(0, 2 / np.sqrt(np.prod(shape[1:]) or 1), shape).astype(np.float32)
        return numpy_helper.from_array(values, name)

    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["input", "stem"], ["h"], strides=[16, 16]),
            helper.make_node("Reshape", ["h", "shape"], ["rows"]),
            helper.make_node("MatMul", ["rows", "x"], ["simcc_x"]),
            helper.make_node("MatMul", ["rows", "y"], ["simcc_y"]),
        ],
        "rtmw",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", 3, height, width])],
        [
            helper.make_tensor_value_info("simcc_x", TensorProto.FLOAT, ["batch", points, split * width]),
            helper.make_tensor_value_info("simcc_y", TensorProto.FLOAT, ["batch", points, split * height]),
        ],
        [
            weight("stem", points, 3, 16, 16),
            numpy_helper.from_array(np.array([0, points, cells], np.int64), "shape"),
            weight("x", cells, split * width),
            weight("y", cells, split * height),
        ],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)
    return path


@pytest.fixture
def rtmw_of(tmp_path):
    """The same with another number of points or bins a pixel."""
    return lambda **changes: write_rtmw(tmp_path / "other.onnx", **changes)


@pytest.fixture(scope="session")
def yolo11x(tmp_path_factory, ultralytics):
    """YOLO11x of random weights, exported for 640×384."""

    folder = tmp_path_factory.mktemp("yolo")
    return folder / export_detector("yolo11x.yaml", folder, size=(640, 384)).file


def write_dinov2(folder, **sizes):
    """A folder as published ones are, of random weights that use all of their inputs."""
    import torch
    from transformers import Dinov2Config, Dinov2Model

    torch.manual_seed(0)
    model = Dinov2Model(Dinov2Config(**sizes)).eval()
    for weight in model.embeddings.parameters():
        torch.nn.init.normal_(weight, std=0.5 if weight.ndim == 3 else 0.05)
    model.save_pretrained(folder)
    return model


@pytest.fixture(scope="session")
def dinov2():
    return write_dinov2


@pytest.fixture(scope="session")
def dinov2_base(tmp_path_factory):
    """DINOv2-Base of random weights: exported for 518×518, and the folder that it came from."""
    from export.frontends.image import export_image

    folder = tmp_path_factory.mktemp("base")
    write_dinov2(folder / "dinov2-base", image_size=518)
    return folder / export_image(str(folder / "dinov2-base"), folder).file, folder / "dinov2-base"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory, ultralytics):
    """A checkpoint as training writes one, of few weights, whose third class is a person."""
    torch.manual_seed(0)
    model = ultralytics.tasks.DetectionModel("yolo11n.yaml", nc=3, verbose=False)
    model.names = {0: "racket", 1: "ball", 2: "person"}
    model.args = {}
    path = tmp_path_factory.mktemp("pt") / "mine.pt"
    torch.save({"model": model.half(), "ema": None, "train_args": {}, "license": "mine alone"}, path)
    return path


@pytest.fixture(scope="session")
def one_sentence():
    """A call that has to raise an error of one line with these words."""

    def check(call, words, kind=ModelError):
        with pytest.raises(kind, match=words) as raised:
            call()
        assert "\n" not in str(raised.value)

    return check
