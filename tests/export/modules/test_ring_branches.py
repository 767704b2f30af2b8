"""A branch in ring mode: causality, exact reach, missing rows, and its graphs."""

import onnx
import pytest
import torch
from torch import nn

from export.lowering.operators import unsupported
from export.modules.ring import Ring, bands_of
from export.modules.ring_branches import HOPS, RingBranch, step_inputs, write_branch
from stream.bundle.manifest import Window
from stream.errors import ModelError

pytestmark = pytest.mark.slow

STREAMS, DIM, HEADS, SPAN, LAYERS = 2, 16, 2, 100, 3
WIDTHS = {"a": 6, "b": 9}


def branch(local=0, layers=LAYERS, span=SPAN, readout=4, seed=0):
    torch.manual_seed(seed)
    ring = Ring(STREAMS, DIM, HEADS, 24, bands_of(span, layers, local), step_s=0.04, local=local)
    return RingBranch({n: nn.Linear(w, DIM) for n, w in WIDTHS.items()}, ring, DIM, 5, readout).eval()


def some(rows, seed=1, share=0.8):
    generator = torch.Generator().manual_seed(seed)
    values = [torch.randn(1, rows, w, generator=generator) for w in WIDTHS.values()]
    return values, [torch.rand(1, rows, generator=generator) < share for _ in values]


@torch.no_grad()
def vectors(part, values, masks):
    return part.vectors(part.rows(values, masks)[-1], masks)[0]


@torch.no_grad()
def unseen(part):
    """What is said where no stream was there."""
    return part.read(torch.zeros(1, STREAMS, DIM), torch.zeros(1, STREAMS, dtype=torch.bool))[0]


@pytest.mark.parametrize("local", [0, 5])
def test_what_is_read_depends_on_exactly_its_reach(local):
    part = branch(local).double()  # what came in through three layers' far ends weighs little
    values, masks = some(3 * SPAN, share=1.0)
    values = [v.double() for v in values]
    before = vectors(part, values, masks)[-1]
    reach = SPAN + part.readout - 1
    for back, moves in ((reach, False), (reach - 1, True)):
        changed = [v.clone() for v in values]
        for v in changed:
            v[0, -1 - back] += 3.0
            if not moves:
                v[0, : -1 - back] = 7.0
        difference = float((vectors(part, changed, masks)[-1] - before).abs().max())
        assert (difference > 1e-11) if moves else (difference < 1e-12), back


def test_nothing_later_is_read():
    part = branch(local=5)
    values, masks = some(2 * SPAN)
    before = vectors(part, values, masks)[:SPAN]
    for v in values:
        v[0, SPAN:] = 9.0
    assert torch.equal(vectors(part, values, masks)[:SPAN], before)


def test_missing_rows_hold_nothing_and_still_ask_what_is_remembered():
    part = branch()
    values, masks = some(SPAN, share=1.0)
    for mask in masks:
        mask[0, -6:] = False  # longer than the readout
    said = vectors(part, values, masks)[-1]
    for v in values:
        v[0, -6:] = 5.0
    assert torch.equal(vectors(part, values, masks)[-1], said)
    nothing = unseen(part)
    assert float((said - nothing).abs().max()) > 1e-3


def test_nothing_seen_is_the_absent_vectors():
    part = branch()
    values, masks = some(10, share=0.0)
    nothing = unseen(part)
    assert torch.allclose(vectors(part, values, masks)[-1], nothing)


@pytest.fixture(scope="module", params=[0, 5])
def written(request, tmp_path_factory):
    folder, part = tmp_path_factory.mktemp("ring"), branch(request.param)
    return part, request.param, folder, write_branch("x", part, WIDTHS, request.param, folder)


def test_steps_are_equal_to_their_module_on_inputs_that_were_not_traced(written):
    _, _, _, (steps, readout, reports) = written
    assert [g.file for g in (*steps, readout)] == [r.file for r in reports]
    assert all(r.cases >= 3 and r.worst < 1e-5 for r in reports)


def test_no_step_copies_a_cache(written):
    """Caches go into matrix products and nowhere else; nothing as long as they are comes out."""
    part, local, folder, (steps, _, _) = written
    capacity = part.spec(local).capacity
    for graph in steps:
        model = onnx.load(folder / graph.file).graph
        for name in [t.name for t in graph.inputs if t.name.startswith(("keys_", "values_"))]:
            assert {n.op_type for n in model.node if name in n.input} == {"MatMul"}
        assert not any(capacity in t.shape for t in graph.outputs)


def test_steps_use_only_what_tensorrt_takes(written):
    _, _, folder, (steps, readout, _) = written
    for graph in (*steps, readout):
        assert not unsupported(folder / graph.file)


def test_capacity_suits_every_hop_and_holds_the_band():
    spec = RingBranch(
        {"a": nn.Linear(2, 8)},
        Ring(1, 8, 1, 8, bands_of(4000, 3), step_s=0.04),
        8,
        4,
        25,
    ).spec(0)
    assert (spec.capacity, spec.reach) == (1350, 4000)
    assert all(spec.capacity % hop == 0 for hop in HOPS)


def test_a_graph_that_differs_is_refused(tmp_path, monkeypatch):
    part = branch()
    monkeypatch.setattr("export.modules.ring_branches.check", _disagree)
    with pytest.raises(ModelError, match="ring_x_1"):
        write_branch("x", part, WIDTHS, 0, tmp_path)


def _disagree(module, graph, path, cases):
    from export.lowering.module_parity import check

    for p in module.parameters():
        nn.init.normal_(p)
    return check(module, graph, path, cases)


def test_random_step_inputs_have_the_graph_s_shapes():
    part = branch(5)
    found = step_inputs(part, part.spec(5), WIDTHS, 5, torch.Generator().manual_seed(0))
    assert found["bias"].shape == (LAYERS, STREAMS, 5, 50)
    assert found["tail"].shape == (STREAMS, 4, DIM)
    assert Window().widths["body"] == 200
