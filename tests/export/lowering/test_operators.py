"""No GPU is needed to know that TensorRT's parser takes every operator that an export makes."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from export.lowering.operators import SUPPORTED, unsupported
from export.lowering.to_onnx import export
from export.modules.branches import Image, Keypoints
from export.modules.traceable import Encoder
from stream.bundle.load import demo_bundle
from stream.bundle.manifest import Window
from stream.errors import ModelError
from stream.skeleton import GROUPS

pytestmark = pytest.mark.slow

DEMO = sorted(demo_bundle().glob("*.onnx"))


@pytest.mark.parametrize("path", DEMO, ids=lambda path: path.name)
def test_the_demo_bundle(path: Path) -> None:
    assert unsupported(path) == []


def test_the_untrained_bundle(bundle: Path) -> None:
    paths = sorted(bundle.glob("*.onnx"))
    assert len(paths) == 5
    assert {path.name: found for path in paths if (found := unsupported(path))} == {}


@pytest.mark.parametrize("local", [0, 25])
def test_keypoints_of_the_true_window_with_and_without_a_stem(tmp_path: Path, local: int) -> None:
    """4000 ticks unroll into blocks of queries; the stem is a convolution over time."""
    torch.manual_seed(0)
    window, dim = Window(), 32
    spatial = {name: nn.Linear(width, dim) for name, width in window.widths.items()}
    encoders = {name: Encoder(dim, 1, 2, 2 * dim) for name in GROUPS}
    module = Keypoints(window, spatial, encoders, dim, dim, local)
    values = {name: torch.randn(1, window.poses, width) for name, width in window.widths.items()}
    masks = {f"{name}_mask": torch.ones(1, window.poses, dtype=torch.bool) for name in GROUPS}
    export(module, {**values, **masks}, "vector", tmp_path / "keypoints.onnx")
    assert unsupported(tmp_path / "keypoints.onnx") == []


def test_the_image_branch_of_the_true_window(tmp_path: Path) -> None:
    window = Window()
    module = Image(window, 768, Encoder(64, 1, 4, 128), 64, 64)
    mask = torch.ones(1, window.features, dtype=torch.bool)
    inputs = {"features": torch.randn(1, window.features, 768), "feature_mask": mask}
    export(module, inputs, "vector", tmp_path / "image.onnx")
    assert unsupported(tmp_path / "image.onnx") == []


@pytest.mark.parametrize("path", DEMO, ids=lambda path: path.name)
def test_in_float16(path: Path, tmp_path: Path) -> None:
    from export.lowering.float16 import to_float16

    onnx.save(to_float16(onnx.load(path)), tmp_path / "half.onnx")
    assert unsupported(tmp_path / "half.onnx") == []


def test_what_is_quantized_on_the_fly_is_for_the_cpu(tmp_path: Path) -> None:
    from onnxruntime.quantization import quantize_dynamic

    model = onnx.load(demo_bundle() / "fusion.onnx")
    del model.graph.value_info[:]
    onnx.save(model, tmp_path / "fusion.onnx")
    quantize_dynamic(tmp_path / "fusion.onnx", tmp_path / "int8.onnx")
    found = " ".join(unsupported(tmp_path / "int8.onnx"))
    assert "DynamicQuantizeLinear: not an operator of TensorRT's parser" in found
    assert "MatMulInteger: not an operator of TensorRT's parser" in found


# -- the check itself can fail ---------------------------------------------------------------------


def graph(
    path: Path, *nodes: onnx.NodeProto, kind: int = TensorProto.FLOAT, opset: int = 18, size: int = 4
) -> Path:
    """A graph from ``x`` [1, size, size, size] to ``y``."""
    weights = {
        "axes": np.array([1]),
        "zero": np.zeros((), np.int8),
        "three": np.full((), 3, np.int8),
        "scale": np.ones((), np.float32),
        "many": np.array([4000]),
        "few": np.array([2]),
    }
    made = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info("x", kind, [1, size, size, size])],
        [helper.make_empty_tensor_value_info("y")],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    domains = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
    onnx.save(helper.make_model(made, opset_imports=domains), path)
    return path


def node(operator: str, *inputs: str, domain: str = "", **attributes: object) -> onnx.NodeProto:
    outputs = ["y", "where"] if operator == "TopK" else ["y"]
    return helper.make_node(operator, list(inputs or ("x",)), outputs, domain=domain, **attributes)


@pytest.mark.parametrize(
    ("made", "found"),
    [
        (node("Det"), "Det: not an operator of TensorRT's parser"),
        (
            node("EPContext", domain="com.microsoft"),
            "com.microsoft.EPContext: not an operator of ONNX itself",
        ),
        (node("MultiHeadAttention", domain="com.microsoft"), "not an operator of ONNX itself"),
        (
            node("ReduceSum", "x", "x"),
            "ReduceSum: used in a way that TensorRT does not have (the axes must be",
        ),
        (
            node("TopK", "x", "many"),
            "TopK: used in a way that TensorRT does not have (sorted, fewer than 3840)",
        ),
        (node("QuantizeLinear", "x", "scale", "three"), "(the zero point must be a constant zero)"),
        (node("Resize", "x", "", "scale", mode="cubic"), "(nearest or linear, without antialiasing)"),
        (node("MaxPool", "x", kernel_shape=[2, 2], dilations=[2, 2]), "no dilation"),
        (node("Cast", "x", to=TensorProto.DOUBLE), "Cast with double: not a type between TensorRT's layers"),
        (node("Cast", "x", to=TensorProto.STRING), "Cast with string"),
    ],
)
def test_what_tensorrt_does_not_have_is_found(tmp_path: Path, made: onnx.NodeProto, found: str) -> None:
    said = unsupported(graph(tmp_path / "x.onnx", made))
    assert len(said) == 1
    assert found in said[0]


@pytest.mark.parametrize(
    "made",
    [
        node("ReduceSum", "x", "axes"),
        node("TopK", "x", "few"),
        node("QuantizeLinear", "x", "scale", "zero"),
        node("MaxPool", "x", kernel_shape=[2, 2]),
        node("LayerNormalization", "x", "scale"),
    ],
)
def test_the_same_within_bounds_is_not(tmp_path: Path, made: onnx.NodeProto) -> None:
    assert unsupported(graph(tmp_path / "x.onnx", made)) == []


@pytest.mark.parametrize(
    ("kind", "operator", "found"),
    [
        (TensorProto.DOUBLE, "Add", "Add of double: not a type that TensorRT has it for"),
        (TensorProto.INT8, "Add", "Add of int8"),
        (TensorProto.INT64, "MatMul", "MatMul of int64"),
        (TensorProto.BOOL, "Add", "Add of bool"),
        (TensorProto.UINT8, "Mul", "Mul of uint8"),
    ],
)
def test_types_count(tmp_path: Path, kind: int, operator: str, found: str) -> None:
    said = unsupported(graph(tmp_path / "x.onnx", node(operator, "x", "x"), kind=kind))
    assert any(found in line for line in said)


def test_pictures_may_come_in_as_bytes(tmp_path: Path) -> None:
    made = node("Cast", "x", to=TensorProto.FLOAT)
    assert unsupported(graph(tmp_path / "x.onnx", made, kind=TensorProto.UINT8)) == []


def test_a_convolution_over_time_is_taken(tmp_path: Path) -> None:
    module = nn.Conv1d(4, 4, 3)
    export(module, {"x": torch.randn(1, 4, 9)}, "y", tmp_path / "conv.onnx")
    assert unsupported(tmp_path / "conv.onnx") == []


def test_repeats_are_counted_once(tmp_path: Path) -> None:
    first = helper.make_node("Det", ["x"], ["a"])
    again = helper.make_node("Det", ["x"], ["y"])
    assert unsupported(graph(tmp_path / "x.onnx", first, again)) == [
        "Det: not an operator of TensorRT's parser (2 times)"
    ]


def test_what_a_branch_holds_is_looked_at_too(tmp_path: Path) -> None:
    inner = helper.make_graph(
        [helper.make_node("Det", ["x"], ["b"])], "inner", [], [helper.make_empty_tensor_value_info("b")]
    )
    first = helper.make_node("IsInf", ["scale"], ["which"])
    either = helper.make_node("If", ["which"], ["y"], then_branch=inner, else_branch=inner)
    said = unsupported(graph(tmp_path / "x.onnx", first, either))
    assert said == ["Det: not an operator of TensorRT's parser (2 times)"]


def test_old_opsets_and_open_shapes(tmp_path: Path) -> None:
    said = unsupported(graph(tmp_path / "x.onnx", node("Relu"), opset=8))
    assert any("opset 8: TensorRT's parser knows 9 to 24" in line for line in said)
    for shape, refused in (([1, "n"], True), ([None, 4], True), (["n", 4], False), ([1, 4], False)):
        value = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
        opened = helper.make_graph([node("Relu")], "t", [value], [helper.make_empty_tensor_value_info("y")])
        model = helper.make_model(opened, opset_imports=[helper.make_opsetid("", 18)])
        onnx.save(model, tmp_path / "open.onnx")
        said = unsupported(tmp_path / "open.onnx")
        assert any("input x: an open shape" in line for line in said) == refused, shape


def test_no_graph_at_all(tmp_path: Path) -> None:
    (tmp_path / "x.onnx").write_bytes(b"nothing of the kind")
    with pytest.raises(ModelError, match="expected an ONNX graph, found something else"):
        unsupported(tmp_path / "x.onnx")


def test_every_name_is_an_operator_of_onnx() -> None:
    """A misspelt name would never match anything, and a true one would be refused."""
    known = {schema.name for schema in onnx.defs.get_all_schemas_with_history() if schema.domain == ""}
    assert set(SUPPORTED) <= known
