"""Step graphs of a ring in float16 and int8: what is reduced, what is not, and what it costs."""

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto
from torch import nn

from export.lowering import precision
from export.lowering.module_parity import session
from export.modules.ring import Ring, bands_of
from export.modules.ring_branches import HOPS, RingBranch, step_inputs, write_branch
from export.modules.traceable import MASKED

pytestmark = pytest.mark.slow

STREAMS, DIM, LAYERS = 3, 32, 2
WIDTHS = {"a": 24, "b": 40, "c": 16}
LOCAL = 5


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ring")
    torch.manual_seed(0)
    ring = Ring(STREAMS, DIM, 2, 2 * DIM, bands_of(100, LAYERS, LOCAL), step_s=0.04, local=LOCAL)
    branch = RingBranch({n: nn.Linear(w, DIM) for n, w in WIDTHS.items()}, ring, DIM, 8, 4).eval()
    steps, _, _ = write_branch("x", branch, WIDTHS, LOCAL, folder)
    return branch, folder, {graph.inputs[0].shape[0]: graph for graph in steps}


def case(branch, hop, *, there=True):
    """Inputs as a host sends them; not ``there``: every row of now and of before is missing."""
    inputs = step_inputs(branch, branch.spec(LOCAL), WIDTHS, hop, torch.Generator().manual_seed(3))
    if not there:
        inputs["bias"][...] = -2e4  # of before a cut, and older than the band
        inputs["mask"][...] = False
    return {name: value.numpy() for name, value in inputs.items()}


def weighted(model):
    """The products with constants."""
    held = {w.name for w in model.graph.initializer}
    return [n for n in model.graph.node if n.op_type == "MatMul" and held.intersection(n.input)]


def off(found, expected):
    return max(
        np.linalg.norm(f - e) / max(np.linalg.norm(e), 1e-3) for f, e in zip(found, expected, strict=True)
    )


@pytest.mark.parametrize("hop", HOPS)
def test_every_product_with_weights_becomes_int8(written, tmp_path, hop):
    branch, folder, steps = written
    path, out = folder / steps[hop].file, tmp_path / "int8.onnx"
    before = onnx.load(path)
    held = {w.name: w for w in before.graph.initializer}
    products = weighted(before)
    assert len(products) == STREAMS * (1 + 1 + 4 * LAYERS)  # way in, local mix, four a layer
    assert all(len(held[n.input[1]].dims) == 2 for n in products)
    precision.int8(path, out)
    after = onnx.load(out)
    kinds = [node.op_type for node in after.graph.node]
    assert kinds.count("MatMulInteger") == len(products)
    assert not weighted(after)
    assert kinds.count("MatMul") == 4 * LAYERS  # attention's own, over rows of before and of now
    scales = {w.name: w for w in after.graph.initializer}
    assert all(len(scales[n.input[3]].dims) == 1 for n in after.graph.node if n.op_type == "MatMulInteger")
    for there in (True, False):
        given = case(branch, hop, there=there)
        found, expected = session(out).run(None, given), session(path).run(None, given)
        assert all(np.isfinite(f).all() for f in found)
        assert 0 < off(found, expected) < 0.05


@pytest.mark.parametrize("hop", HOPS)
def test_float16_leaves_scores_phases_and_caches_alone(written, tmp_path, hop):
    branch, folder, steps = written
    path, out = folder / steps[hop].file, tmp_path / "half.onnx"
    onnx.save(precision.fp16(onnx.load(path)), out)
    model = onnx.load(out)
    del model.graph.value_info[:]
    inferred = onnx.shape_inference.infer_shapes(model).graph
    known = {v.name: v.type.tensor_type.elem_type for v in (*inferred.value_info, *inferred.output)}
    known |= {v.name: v.type.tensor_type.elem_type for v in inferred.input}
    known |= {w.name: w.data_type for w in inferred.initializer}
    made = {name: node for node in model.graph.node for name in node.output}
    read = {}
    for node in model.graph.node:
        for name in node.input:
            read.setdefault(name, []).append(node.op_type)
    for name in [t.name for t in steps[hop].inputs]:
        if name.startswith(("keys_", "values_")):
            assert read[name] == ["MatMul"], name  # not cast, not copied
        if name in ("bias", "cos", "sin"):
            assert "Cast" not in read[name], name
    for node in model.graph.node:
        if node.op_type in ("LayerNormalization", "Softmax"):
            assert known[node.output[0]] == TensorProto.FLOAT
        if node.op_type == "Softmax":
            scores = [made[name] for name in made[node.input[0]].input]
            assert [n.op_type for n in scores] == ["Add", "Add"]
            products = [made[name] for n in scores for name in n.input if made[name].op_type == "MatMul"]
            assert len(products) == 2
            assert {known[n.output[0]] for n in (*scores, *products)} == {TensorProto.FLOAT}
    products = weighted(model)
    assert len(products) == STREAMS * (1 + 1 + 4 * LAYERS)
    assert {known[n.output[0]] for n in products} == {TensorProto.FLOAT16}
    for there in (True, False):
        given = case(branch, hop, there=there)
        found, expected = session(out).run(None, given), session(path).run(None, given)
        assert all(np.isfinite(f).all() for f in found)
        assert 0 < off(found, expected) < 3e-3


def test_the_mask_of_new_rows_is_exact_in_float16():
    assert np.float16(MASKED) == MASKED
    assert np.exp(np.float32(MASKED) + np.float32(1000)) == 0  # whatever the scores
