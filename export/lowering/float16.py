"""A float32 graph with weights and most sums in float16, baked in; its inputs and outputs stay float32.

TensorRT 11 has no flag for it any more and a bundle's file should be what runs. What float16 spoils stays in
float32: LayerNorm, softmax and the scores that go into it, products with what comes in as it is (the caches
of a ring: they would be cast at every step) and, of a detector, what comes after its last convolution
(between 512 and 1024 the next float16 is half a pixel away).

ONNX Runtime's CPU provider has no float16 kernels: it casts and computes in float32. On the CPU such a graph
shows that it is well formed and what rounding the weights costs, not what float16 sums cost.
"""

from collections.abc import Iterable

import onnx
from onnx import ModelProto, NodeProto
from onnxruntime.transformers import float16

FLOAT, FLOAT16 = onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16
_KEPT = ("LayerNormalization", "Softmax", "ReduceMean", "TopK", "Range", "CumSum")
_BETWEEN = ("Mul", "Div", "Add", "Where", "Cast", "Concat")  # of a score product and its softmax


def halved(model: ModelProto, *, tail: bool = False, keep: Iterable[str] = ()) -> ModelProto:
    """The graph in float16; ``tail``: all that follows the last convolutions stays float32, and so do the
    nodes named in ``keep``."""
    kept = _scores(model) | _cached(model) | (_tail(model) if tail else set()) | set(keep)
    half: ModelProto = float16.convert_float_to_float16(
        model,
        keep_io_types=True,
        op_block_list=[*float16.DEFAULT_OP_BLOCK_LIST, *_KEPT],
        node_block_list=sorted(kept),
    )
    _sort(half)
    _straighten(half)
    onnx.checker.check_model(half)
    return half


def _scores(model: ModelProto) -> set[str]:
    """Names of the nodes from a score product to its softmax."""
    made, found = _made(model), set()
    for node in model.graph.node:
        if node.op_type == "Softmax":
            waiting = [*node.input]
            while waiting:
                before = made.get(waiting.pop())
                if before is None or before.name in found or before.op_type not in (*_BETWEEN, "MatMul"):
                    continue
                found.add(before.name)
                waiting += before.input if before.op_type != "MatMul" else []
    return found


def _cached(model: ModelProto) -> set[str]:
    """Names of the products of an input, as it came, with something that was computed."""
    constant = {w.name for w in model.graph.initializer}
    given = {value.name for value in model.graph.input} - constant
    return {
        node.name
        for node in model.graph.node
        if node.op_type == "MatMul"
        and given.intersection(node.input)
        and not constant.intersection(node.input)
    }


def _tail(model: ModelProto) -> set[str]:
    """Names of the nodes between the last convolutions and the outputs.

    A convolution to a single channel counts as tail: it is the mean over a box side's distribution.
    """
    made, shapes = _made(model), {w.name: tuple(w.dims) for w in model.graph.initializer}
    found: set[str] = set()
    waiting = [output.name for output in model.graph.output]
    while waiting:
        node = made.get(waiting.pop())
        if node is None or node.name in found:
            continue
        if node.op_type == "Conv" and shapes.get(node.input[1], (0,))[0] != 1:
            continue
        found.add(node.name)
        waiting += node.input
    return found


def _straighten(model: ModelProto) -> None:
    """Lead float32 to float32 directly: between two kept nodes, and from an input or to an output, the
    converter casts to float16 and back, which would round the values to be kept."""
    made, graph, kinds = _made(model), model.graph, _kinds(model)
    outputs = {value.name for value in graph.output}
    for node in graph.node:
        there = made.get(node.input[0]) if _casts(node, FLOAT) and node.output[0] in outputs else None
        if there is not None and _casts(there, FLOAT16) and kinds.get(there.input[0]) == FLOAT:
            node.input[0] = there.input[0]  # the output keeps its name: this cast does nothing now
        for i, name in enumerate(node.input):
            back = made.get(name)
            there = made.get(back.input[0]) if back is not None else None
            if back is None or there is None or not (_casts(back, FLOAT) and _casts(there, FLOAT16)):
                continue
            if kinds.get(there.input[0]) == FLOAT:  # a mask made float16 is no loss
                node.input[i] = there.input[0]
    read = outputs.union(*(node.input for node in graph.node))
    while dead := [n for n in graph.node if n.op_type == "Cast" and n.output[0] not in read]:
        for node in dead:
            graph.node.remove(node)
        read = outputs.union(*(node.input for node in graph.node))


def _kinds(model: ModelProto) -> dict[str, int]:
    """Element type of every tensor, inferred again: the recorded types predate the conversion."""
    bare = ModelProto.FromString(model.SerializeToString())
    del bare.graph.value_info[:]
    graph = onnx.shape_inference.infer_shapes(bare).graph
    return {v.name: v.type.tensor_type.elem_type for v in (*graph.input, *graph.value_info, *graph.output)}


def _casts(node: NodeProto, to: int) -> bool:
    return node.op_type == "Cast" and any(a.name == "to" and a.i == to for a in node.attribute)


def _sort(model: ModelProto) -> None:
    """Put every node behind those that make its inputs: the converter appends its casts at the end."""
    made, done, ordered = _made(model), set(), []

    def place(node: NodeProto) -> None:
        stack = [node]
        while stack:
            top = stack[-1]
            missing = [made[n] for n in top.input if n in made and made[n].name not in done]
            if missing:
                stack += missing
                continue
            stack.pop()
            if top.name not in done:
                done.add(top.name)
                ordered.append(top)

    for node in model.graph.node:
        place(node)
    nodes = [NodeProto.FromString(node.SerializeToString()) for node in ordered]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _made(model: ModelProto) -> dict[str, NodeProto]:
    """The node that makes each tensor."""
    nodes: Iterable[NodeProto] = model.graph.node
    return {name: node for node in nodes for name in node.output}
