"""What a precision pass leaves alone, and branches of the true size on inputs that nobody traced.

ONNX Runtime's CPU provider computes float16 in float32: these show that the graphs are well formed and what
rounded weights cost. What float16 sums cost is for a GPU to show.
"""

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto

from export.lowering import precision
from export.lowering.module_parity import random_cases, session
from export.lowering.to_onnx import export
from export.modules.traceable import Encoder, Local


class Branch(torch.nn.Module):
    """A stream as in the keypoint branch: input scaled, local convolution, Transformer, masked mean."""

    def __init__(self, width, dim, heads, layers, local):
        super().__init__()
        self.into = torch.nn.Linear(width, dim)
        self.local = Local(dim, local)
        self.temporal = Encoder(dim, layers, heads, 2 * dim)
        self.register_buffer("mean", 0.5 * torch.ones(width))

    def forward(self, x, mask):
        return self.temporal(self.local(self.into((x - self.mean) * 4), mask), mask)


def exported(folder, rows, width, dim, heads, layers):
    torch.manual_seed(0)
    module = Branch(width, dim, heads, layers, 13).eval()
    inputs = {"x": torch.rand(1, rows, width), "mask": torch.ones(1, rows, dtype=torch.bool)}
    return module, export(module, inputs, "vector", folder / "branch.onnx")


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("small")
    module, graph = exported(folder, 60, 12, 16, 2, 2)
    return module, graph, folder / "branch.onnx"


def types(model):
    """Element type of every tensor."""
    inferred = onnx.shape_inference.infer_shapes(model).graph
    known = {v.name: v.type.tensor_type.elem_type for v in (*inferred.value_info, *inferred.output)}
    return known | {w.name: w.data_type for w in inferred.initializer}


def test_what_float16_spoils_stays_float32(small):
    model = precision.fp16(onnx.load(small[2]))
    del model.graph.value_info[:]
    known = types(model)
    made = {name: node for node in model.graph.node for name in node.output}
    kinds = {}
    for node in model.graph.node:
        kinds.setdefault(node.op_type, []).append(known[node.output[0]])
    for kept in ("LayerNormalization", "Softmax", "ReduceSum", "Sub"):
        assert set(kinds[kept]) == {TensorProto.FLOAT}, kept
    assert set(kinds["Conv"]) == {TensorProto.FLOAT16}
    for node in model.graph.node:
        if node.op_type == "Softmax":
            assert made[node.input[0]].op_type == "MatMul"
            assert known[made[node.input[0]].output[0]] == TensorProto.FLOAT
    (scaled,) = (n for n in model.graph.node if n.op_type == "Sub")
    assert scaled.input[0] == "x"  # not an x that has been rounded
    weighted = [n for n in model.graph.node if n.op_type == "MatMul" and n.input[1] not in made]
    assert len(weighted) == 1 + 1 + 2 * 4
    assert {known[n.output[0]] for n in weighted} == {TensorProto.FLOAT16}


@pytest.mark.parametrize("reduced", ["fp16", "int8"])
def test_every_fill_gives_the_numbers_of_float32(small, tmp_path, reduced):
    module, graph, path = small
    out = tmp_path / "reduced.onnx"
    if reduced == "fp16":
        onnx.save(precision.fp16(onnx.load(path)), out)
    else:
        precision.int8(path, out)
    runner = session(out)
    for case in random_cases(graph, seed=4):  # full, partial, gaps, nothing at all, a single row
        with torch.no_grad():
            expected = module(*(torch.from_numpy(v) for v in case.values())).numpy()
        (found,) = runner.run(None, case)
        assert np.isfinite(found).all()
        off = np.linalg.norm(found - expected) / max(np.linalg.norm(expected), 1e-3)
        assert off < {"fp16": 5e-3, "int8": 0.1}[reduced]


def test_static_scales_come_from_the_cases(small, tmp_path):
    _, graph, path = small
    cases = random_cases(graph, seed=1)
    wide = [{**case, "x": 50 * case["x"]} for case in cases]
    files = []
    for n, given in enumerate((cases, wide)):
        files.append(tmp_path / f"{n}.onnx")
        precision.int8_static(path, files[-1], given)
    unseen = random_cases(graph, seed=9)[0]
    reference = session(path).run(None, unseen)[0]
    off = [np.abs(session(file).run(None, unseen)[0] - reference).max() for file in files]
    assert off[0] < off[1]  # scales for larger numbers are coarser


@pytest.mark.timeout(900)
def test_a_stream_of_the_true_size(tmp_path):
    """4000 ticks of 560 numbers, width 256, two layers: the face stream of the paper's recipe."""
    torch.set_num_threads(1)
    module, graph = exported(tmp_path, 4000, 560, 256, 4, 2)
    rng = np.random.default_rng(11)
    case = {
        "x": rng.random((1, 4000, 560)).astype(np.float32),
        "mask": rng.random((1, 4000)) < 0.7,
    }
    assert graph.inputs[0].shape == (1, 4000, 560)
    with torch.no_grad():
        expected = module(*(torch.from_numpy(v) for v in case.values())).numpy()[0]
    half = tmp_path / "half.onnx"
    onnx.save(precision.fp16(onnx.load(tmp_path / "branch.onnx")), half)
    found = session(tmp_path / "branch.onnx").run(None, case)[0][0]
    assert np.linalg.norm(found - expected) / np.linalg.norm(expected) <= 1e-4
    found = session(half).run(None, case)[0][0]
    assert found @ expected / np.linalg.norm(found) / np.linalg.norm(expected) >= 0.9999
