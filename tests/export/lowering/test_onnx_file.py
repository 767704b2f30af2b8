"""The own reader of ONNX files against the onnx package."""

from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from export.lowering.onnx_file import TYPES, read
from stream.bundle import protobuf
from stream.bundle.load import demo_bundle
from stream.errors import ModelError

DEMO = sorted(demo_bundle().glob("*.onnx"))


@pytest.mark.parametrize("path", DEMO, ids=lambda path: path.name)
def test_nodes_constants_and_shapes_are_read_as_onnx_reads_them(path: Path) -> None:
    model, found = onnx.load(path), read(path)
    assert [(n.op_type, n.domain, tuple(n.input), tuple(n.output)) for n in model.graph.node] == [
        (n.operator, n.domain, n.inputs, n.outputs) for n in found.graph.nodes
    ]
    for weight in model.graph.initializer:
        values = onnx.numpy_helper.to_array(weight)
        seen = found.graph.constants[weight.name]
        assert seen.type == TensorProto.DataType.Name(weight.data_type)
        if seen.integers is not None and values.size <= 500:
            assert list(seen.integers) == values.ravel().tolist()
    for node, seen_node in zip(model.graph.node, found.graph.nodes, strict=True):
        for attribute in node.attribute:
            value = helper.get_attribute_value(attribute)
            if isinstance(value, int | bytes):
                assert seen_node.attributes[attribute.name] == value
            elif isinstance(value, list) and all(isinstance(v, int) for v in value):
                assert seen_node.attributes[attribute.name] == tuple(value)
    for value, seen_value in zip(model.graph.input, found.graph.inputs, strict=True):
        dims = [d.dim_value for d in value.type.tensor_type.shape.dim]
        assert (seen_value.name, list(seen_value.shape)) == (value.name, dims)
    assert found.opsets == {one.domain: one.version for one in model.opset_import}


def test_the_types_have_onnx_numbers() -> None:
    names = {value: name for name, value in TensorProto.DataType.items()}
    assert dict(enumerate(TYPES)) == {number: names[number] for number in range(len(TYPES))}


def test_numbers_may_lie_in_any_of_a_tensors_fields(tmp_path: Path) -> None:
    tensors = [
        helper.make_tensor("packed", TensorProto.INT64, [3], [1, -2, 3]),
        helper.make_tensor("small", TensorProto.INT8, [2], [-1, 0]),
        helper.make_tensor("raw", TensorProto.INT32, [2], b"\x05\0\0\0\xff\xff\xff\xff", raw=True),
    ]
    graph = helper.make_graph([], "t", [], [], tensors)
    onnx.save(helper.make_model(graph), tmp_path / "x.onnx")
    constants = read(tmp_path / "x.onnx").graph.constants
    assert {name: one.integers for name, one in constants.items()} == {
        "packed": (1, -2, 3),
        "small": (-1, 0),
        "raw": (5, -1),
    }


@pytest.mark.parametrize("raw", [b"", b"nothing of the kind", b"\x08\x07", b"\x3a\xff\x7f"])
def test_what_is_no_graph_is_one_sentence(raw: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.onnx").write_bytes(raw)
    with pytest.raises(ModelError, match="expected an ONNX graph"):
        read(tmp_path / "x.onnx")


def test_empty_nodes_without_number_are_refused(tmp_path: Path) -> None:
    """A file of empty records costs work for each of two bytes; the reader stops at its limit."""
    count = protobuf.RECORDS + 1
    body = b"\x0a\x00" * count
    size = len(body)
    length = b""
    while size:
        length += bytes([size & 127 | (128 if size > 127 else 0)])
        size >>= 7
    (tmp_path / "x.onnx").write_bytes(b"\x3a" + length + body)
    with pytest.raises(ModelError, match="more than 1,000,000 records"):
        read(tmp_path / "x.onnx")
