"""float16 where it does no harm: what is kept in float32 is not led through float16 on the way."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from export.lowering.float16 import to_float16
from export.lowering.module_parity import session


def model(nodes, weights, shape=(1, 4), out="y"):
    graph = helper.make_graph(
        [helper.make_node(op, i, o, name=f"n{k}", **a) for k, (op, i, o, a) in enumerate(nodes)],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(out, TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(v, k) for k, v in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def run(found, tmp_path, x):
    onnx.save(found, tmp_path / "m.onnx")
    return session(tmp_path / "m.onnx").run(None, {"x": x})[0]


@pytest.fixture
def scores():
    """Attention whose scores are beyond what float16 holds until they are scaled."""
    nodes = [
        ("MatMul", ["x", "w"], ["q"], {}),
        ("MatMul", ["q", "k"], ["raw"], {}),
        ("Mul", ["raw", "scale"], ["scaled"], {}),
        ("Softmax", ["scaled"], ["p"], {"axis": -1}),
        ("MatMul", ["p", "w"], ["y"], {}),
    ]
    big = np.diag([300, 310, 320, 330]).astype(np.float32)
    weights = {"w": np.eye(4, dtype=np.float32) * 300, "k": big, "scale": np.array(1e-4, np.float32)}
    return model(nodes, weights)


def test_scores_beyond_float16_do_not_overflow(scores, tmp_path):
    x = np.array([[1.0, 1.1, 0.9, 1.05]], np.float32)
    expected = run(scores, tmp_path, x)
    half = to_float16(onnx.ModelProto.FromString(scores.SerializeToString()))
    found = run(half, tmp_path, x)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found, expected, rtol=5e-3)
    made = {name: node for node in half.graph.node for name in node.output}
    (softmax,) = [node for node in half.graph.node if node.op_type == "Softmax"]
    assert made[softmax.input[0]].op_type == "Mul"
    assert made[made[softmax.input[0]].input[0]].op_type == "MatMul"


def test_named_nodes_stay_in_float32_from_one_to_the_next(tmp_path):
    """Two that lie side by side: float16 has no 2050.03."""
    nodes = [("Add", ["x", "a"], ["b"], {}), ("Sub", ["b", "c"], ["y"], {})]
    weights = {"a": np.full((1, 4), 2049.0, np.float32), "c": np.full((1, 4), 2049.0, np.float32)}
    x = np.full((1, 4), 1.03, np.float32)
    half = to_float16(model(nodes, weights), keep=("n0", "n1"))
    np.testing.assert_allclose(run(half, tmp_path, x), x, atol=2e-4)
    assert [node.op_type for node in half.graph.node if node.op_type != "Cast"] == ["Add", "Sub"]
    made = {name: node for node in half.graph.node for name in node.output}
    (last,) = [node for node in half.graph.node if node.op_type == "Sub"]
    assert made[last.input[0]].op_type == "Add"


def test_inputs_and_outputs_keep_their_type(scores):
    half = to_float16(scores)
    assert {v.type.tensor_type.elem_type for v in (*half.graph.input, *half.graph.output)} == {1}
    weights = {w.name: w.data_type for w in half.graph.initializer if w.name in ("w", "k")}
    assert weights["w"] == TensorProto.FLOAT16
    names = [node.name for node in half.graph.node]
    assert len(names) == len(set(names))
