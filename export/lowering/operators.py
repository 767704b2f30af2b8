"""Checks without a GPU whether TensorRT's ONNX parser supports a graph.

Based on NVIDIA's support matrix (onnx/onnx-tensorrt, docs/operators.md, as of TensorRT 10.15; the pinned
10.16 is assumed to support at least as much): operator names, their data types, opsets 9 to 24, and the
restrictions that an exported network could run into. Only a GPU shows whether an engine can be built from a
graph that passes here.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from export.lowering.element_types import element_types
from export.lowering.onnx_file import Graph, Model, Node, Tensor, read

OPSETS = range(9, 25)
_FLOATS = frozenset({"FLOAT", "FLOAT16", "BFLOAT16"})
_NUMBERS = _FLOATS | {"INT32", "INT64"}
_ANY = _NUMBERS | {"BOOL"}
_QUANTIZED = frozenset({"INT8", "INT4", "FLOAT8E4M3FN", "FLOAT4E2M1"})
_BETWEEN_NODES = _ANY | _QUANTIZED  # types of the values between nodes

_BY_TYPE = {
    _FLOATS: """
        Acos Acosh Asin Asinh Atan Atanh AveragePool BatchNormalization BlackmanWindow Ceil Celu Clip Conv
        ConvTranspose Cos Cosh CumSum DeformConv Dropout Einsum Elu Erf Exp Floor Gemm GlobalAveragePool
        GlobalLpPool GlobalMaxPool GridSample GroupNormalization GRU HammingWindow HannWindow HardSigmoid
        HardSwish Hardmax InstanceNormalization IsInf LayerNormalization LeakyRelu Log LogSoftmax LRN LSTM
        LpNormalization LpPool MatMul MaxPool MeanVarianceNormalization Mish NonMaxSuppression NonZero PRelu
        QuantizeLinear RandomNormal RandomNormalLike RandomUniform RandomUniformLike Reciprocal Resize
        RMSNormalization RNN RoiAlign RotaryEmbedding Round Scan Selu Sigmoid Sin Sinh Softmax Softplus
        Softsign Sqrt STFT Tan Tanh ThresholdedRelu Upsample
    """,
    _NUMBERS: """
        Abs Add ArgMax ArgMin DepthToSpace Div Equal Greater GreaterOrEqual IsNaN Less LessOrEqual Max Mean
        Min Mod Mul Neg Pad Pow Range ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean
        ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Scatter ScatterElements ScatterND Shrink Sign
        SpaceToDepth Sub Sum TensorScatter TopK
    """,
    _NUMBERS | {"INT8"}: "Gelu",
    _FLOATS | {"INT8", "FLOAT8E4M3FN"}: "Attention",
    _ANY: """
        Concat Expand EyeLike Flatten Gather GatherElements GatherND Identity If Loop OneHot Reshape
        ReverseSequence Shape Size Slice Split Squeeze Tile Transpose Trilu Unsqueeze Where
    """,
    _ANY | {"UINT8"}: "Cast CastLike",
    _ANY | _QUANTIZED: "Constant ConstantOfShape",
    _QUANTIZED: "DequantizeLinear",
    frozenset({"BOOL"}): "And Not Or Xor",
}
SUPPORTED = {name: types for types, names in _BY_TYPE.items() for name in names.split()}
_TOPK = 3840


def unsupported(path: Path) -> list[str]:
    """The problems that TensorRT would have with an ONNX file, a line each; empty if none is known.

    Raises ModelError for a file that is no ONNX graph.
    """
    problems = Counter(_problems(read(path)))
    return [f"{line} ({count} times)" if count > 1 else line for line, count in sorted(problems.items())]


def _problems(model: Model) -> Iterator[str]:
    for domain, version in model.opsets.items():
        if domain in ("", "ai.onnx") and version not in OPSETS:
            yield f"opset {version}: TensorRT's parser knows {OPSETS.start} to {OPSETS.stop - 1}"
    for value in model.graph.inputs:
        batch, *sizes = value.shape or [1]  # engines are built with a named batch dimension of 1
        if batch is None or not all(isinstance(size, int) for size in sizes):
            yield f"input {value.name}: an open shape, but engines are built for a fixed one"
    yield from _graph(model.graph, {})


def _graph(graph: Graph, outer: dict[str, str]) -> Iterator[str]:
    types = element_types(graph, outer)
    constants = dict(graph.constants)
    for node in graph.nodes:
        value = node.attributes.get("value")
        if node.operator == "Constant" and isinstance(value, Tensor):
            constants |= dict.fromkeys(node.outputs[:1], value)
        yield from _node(node, types, constants)
        for attribute in node.attributes.values():
            if isinstance(attribute, Graph):
                yield from _graph(attribute, types)


def _node(node: Node, types: Mapping[str, str], constants: Mapping[str, Tensor]) -> Iterator[str]:
    name = node.operator
    if node.domain not in ("", "ai.onnx"):
        yield f"{node.domain}.{name}: not an operator of ONNX itself"
        return
    allowed = SUPPORTED.get(name)
    if allowed is None:
        yield f"{name}: not an operator of TensorRT's parser"
        return
    data = node.inputs[1:2] if name == "Where" else node.inputs[:1]
    for value in data:
        if types.get(value) and types[value] not in allowed:
            yield f"{name} of {types[value].lower()}: not a type that TensorRT has it for"
    for value in (*node.inputs, *node.outputs):
        if types.get(value) and types[value] not in _BETWEEN_NODES | allowed:
            yield f"{name} with {types[value].lower()}: not a type between TensorRT's layers"
    if name in _RESTRICTED and not _RESTRICTED[name](node, constants):
        yield f"{name}: used in a way that TensorRT does not have ({_WAYS[name]})"


# -- restrictions of the support matrix other than types -----------------------------------------------

Check = Callable[[Node, Mapping[str, Tensor]], bool]


def _flat_pool(node: Node, constants: Mapping[str, Tensor]) -> bool:
    spread = set(_integers(node, "dilations")) - {1}
    return len(_integers(node, "kernel_shape")) in (2, 3) and not spread and len(node.outputs) == 1


def _one_output(node: Node, constants: Mapping[str, Tensor]) -> bool:
    return not any(node.outputs[1:])


def _known(position: int) -> Check:
    """Check that an input, if there is one, is a constant."""

    def check(node: Node, constants: Mapping[str, Tensor]) -> bool:
        name = node.inputs[position] if len(node.inputs) > position else ""
        return not name or name in constants

    return check


def _no_zero_point(node: Node, constants: Mapping[str, Tensor]) -> bool:
    if len(node.inputs) < 3 or not node.inputs[2]:
        return True
    point = constants.get(node.inputs[2])
    return point is not None and point.zero


def _few(node: Node, constants: Mapping[str, Tensor]) -> bool:
    count = constants.get(node.inputs[1]) if len(node.inputs) > 1 else None
    few = count is None or max(count.integers or (0,)) < _TOPK
    return few and node.attributes.get("sorted", 1) == 1


def _plain_resize(node: Node, constants: Mapping[str, Tensor]) -> bool:
    mode = node.attributes.get("mode", b"nearest")
    return mode in (b"nearest", b"linear") and not node.attributes.get("antialias", 0)


def _overwrites(node: Node, constants: Mapping[str, Tensor]) -> bool:
    return node.attributes.get("reduction", b"none") == b"none"


def _integers(node: Node, name: str) -> tuple[int, ...]:
    value = node.attributes.get(name, ())
    return value if isinstance(value, tuple) else ()


_REDUCTIONS = [name for name in SUPPORTED if name.startswith("Reduce")]
_RESTRICTED: dict[str, Check] = {
    "AveragePool": _flat_pool,
    "MaxPool": _flat_pool,
    "LpPool": _flat_pool,
    "LayerNormalization": _one_output,
    "CumSum": _known(1),
    "OneHot": _known(1),
    "Squeeze": _known(1),
    "Unsqueeze": _known(1),
    "QuantizeLinear": _no_zero_point,
    "DequantizeLinear": _no_zero_point,
    "TopK": _few,
    "Resize": _plain_resize,
    "ScatterND": _overwrites,
    **dict.fromkeys(_REDUCTIONS, _known(1)),
}
_POOL = "two or three dimensions, no dilation, no indices"
_ZERO = "the zero point must be a constant zero"
_WAYS = {
    "AveragePool": _POOL,
    "MaxPool": _POOL,
    "LpPool": _POOL,
    "LayerNormalization": "only its first output",
    "OneHot": "depth must be a constant",
    "QuantizeLinear": _ZERO,
    "DequantizeLinear": _ZERO,
    "TopK": f"sorted, fewer than {_TOPK}",
    "Resize": "nearest or linear, without antialiasing",
    "ScatterND": "without a reduction",
    **dict.fromkeys([*_REDUCTIONS, "CumSum", "Squeeze", "Unsqueeze"], "the axes must be constants"),
}
