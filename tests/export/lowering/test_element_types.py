"""Types between nodes, against ONNX's own inference."""

from pathlib import Path

import onnx
import pytest
from onnx import TensorProto

from export.lowering.element_types import element_types
from export.lowering.float16 import to_float16
from export.lowering.onnx_file import read
from stream.bundle.load import demo_bundle

DEMO = sorted(demo_bundle().glob("*.onnx"))


def inferred(path: Path) -> dict[str, str]:
    model = onnx.load(path)
    del model.graph.value_info[:]
    graph = onnx.shape_inference.infer_shapes(model).graph
    kinds = {v.name: v.type.tensor_type.elem_type for v in (*graph.value_info, *graph.output, *graph.input)}
    return {name: TensorProto.DataType.Name(kind) for name, kind in kinds.items() if kind}


def check(path: Path) -> None:
    expected = inferred(path)
    found = element_types(read(path).graph, {})
    assert len(expected) > 3
    assert {name: found.get(name) for name in expected} == expected


@pytest.mark.parametrize("path", DEMO, ids=lambda path: path.name)
def test_every_type_is_what_onnx_infers(path: Path) -> None:
    check(path)


@pytest.mark.parametrize("path", DEMO, ids=lambda path: path.name)
def test_in_float16(path: Path, tmp_path: Path) -> None:
    onnx.save(to_float16(onnx.load(path)), tmp_path / "half.onnx")
    check(tmp_path / "half.onnx")


def test_quantized(tmp_path: Path) -> None:
    from onnxruntime.quantization import quantize_dynamic

    model = onnx.load(demo_bundle() / "fusion.onnx")
    del model.graph.value_info[:]
    onnx.save(model, tmp_path / "fusion.onnx")
    quantize_dynamic(tmp_path / "fusion.onnx", tmp_path / "int8.onnx")
    check(tmp_path / "int8.onnx")
