"""What TensorRT's ONNX parser takes, so that an operator it does not know is found without a GPU.

Facts from NVIDIA's support matrix (onnx/onnx-tensorrt, docs/operators.md, as of TensorRT 10.15; the matrix of
10.16 was not to be had here, the pinned release is taken to support at least as much): operator names, the
types of their data, opsets 9 to 24, and those restrictions that an exported network could run into. A graph
that passes here is one that may be tried; whether an engine can be built of it shows on a GPU.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import onnx
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

from stream.errors import ModelError

OPSETS = range(9, 25)
_FLOATS = frozenset({"FLOAT", "FLOAT16", "BFLOAT16"})
_NUMBERS = _FLOATS | {"INT32", "INT64"}
_ANY = _NUMBERS | {"BOOL"}
_QUANTIZED = frozenset({"INT8", "INT4", "FLOAT8E4M3FN", "FLOAT4E2M1"})
_PASSING = _ANY | _QUANTIZED  # what may travel between nodes

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
    """What TensorRT would not take in an ONNX file, a line each; empty when nothing is known against it.

    Raises ModelError for a file that is no ONNX graph.
    """
    try:
        model = onnx.load(path, load_external_data=False)
        del model.graph.value_info[:]  # what a converter left there may be of before it
        inferred = onnx.shape_inference.infer_shapes(model)
    except Exception as error:  # protobuf, checker and inference errors have no common base
        raise ModelError(
            f"{path}: expected an ONNX graph, found something else ({str(error).splitlines()[0]}); "
            "export it again."
        ) from error
    found = Counter(_complaints(inferred))
    return [f"{what} ({count} times)" if count > 1 else what for what, count in sorted(found.items())]


def _complaints(model: ModelProto) -> Iterator[str]:
    for used in model.opset_import:
        if used.domain in ("", "ai.onnx") and used.version not in OPSETS:
            yield f"opset {used.version}: TensorRT's parser knows {OPSETS.start} to {OPSETS.stop - 1}"
    for tensor in model.graph.input:
        batch, *sizes = tensor.type.tensor_type.shape.dim or [None]
        named = batch is None or batch.HasField("dim_value") or batch.dim_param  # one, when it is built
        if not (named and all(d.HasField("dim_value") for d in sizes)):
            yield f"input {tensor.name}: an open shape, where engines here are built for one"
    yield from _graph(model.graph, {})


def _graph(graph: GraphProto, outer: dict[str, str]) -> Iterator[str]:
    types = outer | {v.name: _name(v.type.tensor_type.elem_type) for v in (*graph.input, *graph.value_info)}
    types |= {v.name: _name(v.type.tensor_type.elem_type) for v in graph.output}
    types |= {w.name: _name(w.data_type) for w in graph.initializer}
    constants: dict[str, Any] = {w.name: w for w in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant":
            values = [a.t for a in node.attribute if a.name == "value"]
            constants |= dict(zip(node.output, values, strict=False))
        yield from _node(node, types, constants)
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from _graph(attribute.g, types)


def _node(node: NodeProto, types: dict[str, str], constants: dict[str, Any]) -> Iterator[str]:
    if node.domain not in ("", "ai.onnx"):
        yield f"{node.domain}.{node.op_type}: not an operator of ONNX itself"
        return
    allowed = SUPPORTED.get(node.op_type)
    if allowed is None:
        yield f"{node.op_type}: not an operator of TensorRT's parser"
        return
    data = node.input[1:2] if node.op_type == "Where" else node.input[:1]
    for name in data:
        if types.get(name) and types[name] not in allowed:
            yield f"{node.op_type} of {types[name].lower()}: not a type that TensorRT has it for"
    for name in (*node.input, *node.output):
        if types.get(name) and types[name] not in _PASSING | allowed:
            yield f"{node.op_type} with {types[name].lower()}: not a type between TensorRT's layers"
    if node.op_type in _RESTRICTED:
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        if not _RESTRICTED[node.op_type](node, attributes, constants):
            yield f"{node.op_type}: used in a way that TensorRT does not have ({_WAYS[node.op_type]})"


# -- restrictions: whether a node keeps to what the matrix says beside types --------------------------

Check = Callable[[NodeProto, dict[str, Any], dict[str, Any]], bool]


def _flat_pool(node: NodeProto, attributes: dict[str, Any], constants: dict[str, Any]) -> bool:
    spread = set(attributes.get("dilations", ())) - {1}
    return len(attributes["kernel_shape"]) in (2, 3) and not spread and len(node.output) == 1


def _one_output(node: NodeProto, attributes: dict[str, Any], constants: dict[str, Any]) -> bool:
    return not any(node.output[1:])


def _known(position: int) -> Check:
    """An input that must be a constant, where there is one."""

    def check(node: NodeProto, attributes: dict[str, Any], constants: dict[str, Any]) -> bool:
        name = node.input[position] if len(node.input) > position else ""
        return not name or name in constants

    return check


def _no_zero_point(node: NodeProto, attributes: dict[str, Any], constants: dict[str, Any]) -> bool:
    if len(node.input) < 3 or not node.input[2]:
        return True
    point = constants.get(node.input[2])
    return point is not None and not numpy_helper.to_array(point).any()


def _few(node: NodeProto, attributes: dict[str, Any], constants: dict[str, Any]) -> bool:
    count = constants.get(node.input[1])
    few = count is None or int(numpy_helper.to_array(count).max()) < _TOPK
    return few and attributes.get("sorted", 1) == 1


def _plain_resize(node: NodeProto, attributes: dict[str, Any], constants: dict[str, Any]) -> bool:
    return attributes.get("mode", b"nearest") in (b"nearest", b"linear") and not attributes.get(
        "antialias", 0
    )


def _overwrites(node: NodeProto, attributes: dict[str, Any], constants: dict[str, Any]) -> bool:
    return bool(attributes.get("reduction", b"none") == b"none")


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


def _name(data_type: int) -> str:
    return TensorProto.DataType.Name(data_type) if data_type else ""
