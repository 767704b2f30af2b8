"""Converts a float32 graph to float16 weights and, mostly, float16 arithmetic; inputs and outputs stay
float32.

The conversion is part of the file because TensorRT 11 no longer has a flag for it, and a bundle's file should
be what runs. Operations that float16 would ruin stay in float32: LayerNorm, softmax and the scores that it
reads, products with an unmodified input (a ring's caches, which would otherwise be cast at every step) and,
in a detector, everything after its last convolutions (float16 has steps of half a pixel between 512 and
1024).

ONNX Runtime's CPU provider has no float16 kernels: it casts and computes in float32. A run on the CPU shows
that such a graph is well formed and what rounding the weights costs, not what float16 arithmetic costs.
"""

from collections.abc import Iterable

import onnx
from onnx import ModelProto, NodeProto
from onnxruntime.transformers import float16

FLOAT, FLOAT16 = onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16
_KEPT = ("LayerNormalization", "Softmax", "ReduceMean", "TopK", "Range", "CumSum")
_BETWEEN = ("Mul", "Div", "Add", "Where", "Cast", "Concat")  # may lie between a score product and its softmax


def to_float16(model: ModelProto, *, tail: bool = False, keep: Iterable[str] = ()) -> ModelProto:
    """The graph in float16; nodes named in ``keep`` and, with ``tail``, all nodes after the last convolutions
    stay float32."""
    kept = _scores(model) | _input_products(model) | (_tail(model) if tail else set()) | set(keep)
    half: ModelProto = float16.convert_float_to_float16(
        model,
        keep_io_types=True,
        op_block_list=[*float16.DEFAULT_OP_BLOCK_LIST, *_KEPT],
        node_block_list=sorted(kept),
    )
    _sort(half)
    _remove_round_trips(half)
    onnx.checker.check_model(half)
    return half


def _scores(model: ModelProto) -> set[str]:
    """Names of the nodes from a score product to its softmax."""
    producers, scores = _producers(model), set()
    for node in model.graph.node:
        if node.op_type == "Softmax":
            pending = [*node.input]
            while pending:
                before = producers.get(pending.pop())
                if before is None or before.name in scores or before.op_type not in (*_BETWEEN, "MatMul"):
                    continue
                scores.add(before.name)
                pending += before.input if before.op_type != "MatMul" else []
    return scores


def _input_products(model: ModelProto) -> set[str]:
    """Names of the products of an unmodified input with a computed value."""
    constant = {w.name for w in model.graph.initializer}
    inputs = {value.name for value in model.graph.input} - constant
    return {
        node.name
        for node in model.graph.node
        if node.op_type == "MatMul"
        and inputs.intersection(node.input)
        and not constant.intersection(node.input)
    }


def _tail(model: ModelProto) -> set[str]:
    """Names of the nodes between the last convolutions and the outputs.

    A convolution to a single channel counts as tail: it is the mean of the distribution of a box side.
    """
    producers, shapes = _producers(model), {w.name: tuple(w.dims) for w in model.graph.initializer}
    tail: set[str] = set()
    pending = [output.name for output in model.graph.output]
    while pending:
        node = producers.get(pending.pop())
        if node is None or node.name in tail:
            continue
        if node.op_type == "Conv" and shapes.get(node.input[1], (0,))[0] != 1:
            continue
        tail.add(node.name)
        pending += node.input
    return tail


def _remove_round_trips(model: ModelProto) -> None:
    """Remove casts from float32 to float16 and back: the converter inserts them between float32 nodes, and
    next to inputs and outputs, where they would round values that must keep their precision."""
    producers, graph, kinds = _producers(model), model.graph, _element_types(model)
    outputs = {value.name for value in graph.output}
    for node in graph.node:
        down = producers.get(node.input[0]) if _casts(node, FLOAT) and node.output[0] in outputs else None
        if down is not None and _casts(down, FLOAT16) and kinds.get(down.input[0]) == FLOAT:
            node.input[0] = down.input[0]  # kept for the output's name, this cast is now a no-op
        for i, name in enumerate(node.input):
            up = producers.get(name)
            down = producers.get(up.input[0]) if up is not None else None
            if up is None or down is None or not (_casts(up, FLOAT) and _casts(down, FLOAT16)):
                continue
            if kinds.get(down.input[0]) == FLOAT:  # a mask loses nothing in float16
                node.input[i] = down.input[0]
    read = outputs.union(*(node.input for node in graph.node))
    while dead := [n for n in graph.node if n.op_type == "Cast" and n.output[0] not in read]:
        for node in dead:
            graph.node.remove(node)
        read = outputs.union(*(node.input for node in graph.node))


def _element_types(model: ModelProto) -> dict[str, int]:
    """Element type of every tensor, inferred here because the recorded types predate the conversion."""
    bare = ModelProto.FromString(model.SerializeToString())
    del bare.graph.value_info[:]
    graph = onnx.shape_inference.infer_shapes(bare).graph
    return {v.name: v.type.tensor_type.elem_type for v in (*graph.input, *graph.value_info, *graph.output)}


def _casts(node: NodeProto, to: int) -> bool:
    return node.op_type == "Cast" and any(a.name == "to" and a.i == to for a in node.attribute)


def _sort(model: ModelProto) -> None:
    """Sort the nodes topologically: the converter appends its casts at the end."""
    producers, done, ordered = _producers(model), set(), []

    def place(node: NodeProto) -> None:
        stack = [node]
        while stack:
            top = stack[-1]
            missing = [producers[n] for n in top.input if n in producers and producers[n].name not in done]
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


def _producers(model: ModelProto) -> dict[str, NodeProto]:
    """The node that produces each tensor."""
    nodes: Iterable[NodeProto] = model.graph.node
    return {name: node for node in nodes for name in node.output}
