"""Products of streams side by side become products of one stream each, with the same numbers."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from export.lowering.module_parity import session
from export.lowering.unstack import unstack

RNG = np.random.default_rng(0)


def model(streams, products=1):
    """x [streams, 2, 4] through ``products`` weights [streams, 4, 4] and the first of them again."""
    weights = [RNG.normal(size=(streams, 4, 4)).astype(np.float32) for _ in range(products)]
    flat = RNG.normal(size=(4, 3)).astype(np.float32)
    nodes, last = [], "x"
    for n, w in enumerate([*range(products), 0]):
        nodes.append(helper.make_node("MatMul", [last, f"w{w}"], [f"y{n}"], f"product_{n}"))
        last = f"y{n}"
    nodes.append(helper.make_node("MatMul", [last, "flat"], ["out"], "flat_product"))
    graph = helper.make_graph(
        nodes,
        "streams",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [streams, 2, 4])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [streams, 2, 3])],
        [*(numpy_helper.from_array(w, f"w{n}") for n, w in enumerate(weights)),
         numpy_helper.from_array(flat, "flat")],
    )  # fmt: skip
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    return made, weights, flat


def test_the_numbers_stay_and_every_weight_is_a_matrix(tmp_path):
    made, weights, flat = model(3, products=2)
    parted = unstack(made)
    onnx.save(parted, tmp_path / "apart.onnx")
    x = RNG.normal(size=(3, 2, 4)).astype(np.float32)
    expected = x @ weights[0] @ weights[1] @ weights[0] @ flat
    (found,) = session(tmp_path / "apart.onnx").run(None, {"x": x})
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    held = [w for w in parted.graph.initializer if w.data_type == TensorProto.FLOAT]
    assert len(held) == 2 * 3 + 1  # a weight that is used twice is kept once
    assert {len(w.dims) for w in held} == {2}
    assert sum(node.op_type == "MatMul" for node in parted.graph.node) == 3 * 3 + 1


def test_what_has_no_weights_by_stream_stays_as_it_is():
    made, _, _ = model(3)
    made.graph.initializer.remove(next(w for w in made.graph.initializer if w.name == "w0"))
    made.graph.input.append(helper.make_tensor_value_info("w0", TensorProto.FLOAT, [3, 4, 4]))
    before = made.SerializeToString()
    assert unstack(made).SerializeToString() == before
