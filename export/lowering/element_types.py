"""Infers the element types of all values of a graph, without the `onnx` package.

Follows the operators' type constraints (onnx/docs/Operators.md). Values of unknown type are left out.
"""

from collections.abc import Mapping

from export.lowering.onnx_file import TYPES, Graph, Node, Tensor

_BOOL = {
    "And",
    "Equal",
    "Greater",
    "GreaterOrEqual",
    "IsInf",
    "IsNaN",
    "Less",
    "LessOrEqual",
    "Not",
    "Or",
    "Xor",
}
_INT64 = {"ArgMax", "ArgMin", "NonMaxSuppression", "NonZero", "Shape", "Size"}
_LIKE = {"CastLike": 1, "OneHot": 2, "Where": 1}  # operators whose output has the type of this input
_SECOND = {"Dropout": "BOOL", "LayerNormalization": "FLOAT", "MaxPool": "INT64", "TopK": "INT64"}
_STATED = {  # operator → attribute that names the type, and the default ("": the type of the first input)
    "BlackmanWindow": ("output_datatype", "FLOAT"),
    "Cast": ("to", ""),
    "EyeLike": ("dtype", ""),
    "HammingWindow": ("output_datatype", "FLOAT"),
    "HannWindow": ("output_datatype", "FLOAT"),
    "RandomNormal": ("dtype", "FLOAT"),
    "RandomNormalLike": ("dtype", ""),
    "RandomUniform": ("dtype", "FLOAT"),
    "RandomUniformLike": ("dtype", ""),
}
_FIXED = {
    "ConvInteger": ("INT32",),
    "DynamicQuantizeLinear": ("UINT8", "FLOAT", "UINT8"),
    "MatMulInteger": ("INT32",),
}
_VALUES = {"value_float": "FLOAT", "value_floats": "FLOAT", "value_int": "INT64", "value_ints": "INT64"}


def element_types(graph: Graph, outer: Mapping[str, str]) -> dict[str, str]:
    """Name → type of every value in a graph whose type is known; ``outer``: types of the enclosing graph."""
    types = dict(outer)
    types |= {value.name: value.type for value in graph.inputs if value.type}
    types |= {name: tensor.type for name, tensor in graph.constants.items()}
    for node in graph.nodes:
        kinds = _outputs(node, types)
        types |= {name: kind for name, kind in zip(node.outputs, kinds, strict=False) if name and kind}
    return types | {value.name: value.type for value in graph.outputs if value.type}


def _outputs(node: Node, types: Mapping[str, str]) -> tuple[str, ...]:
    name = node.operator
    count = len(node.outputs)
    if node.domain not in ("", "ai.onnx"):
        return ()
    if name in _FIXED:
        return _FIXED[name]
    if name in _BOOL or name in _INT64:
        return ("BOOL" if name in _BOOL else "INT64",)
    if name in ("Constant", "ConstantOfShape"):
        return (_constant(node),)
    if name in ("If", "Loop", "Scan"):
        return _control(node, types)
    if name == "QuantizeLinear":
        return (_attribute_type(node, "output_dtype") or _input(node, types, 2) or "UINT8",)
    if name == "DequantizeLinear":
        return (_attribute_type(node, "output_dtype") or _input(node, types, 1),)
    if name in _LIKE:
        return (_input(node, types, _LIKE[name]),)
    first = _input(node, types, 0)
    if name in _STATED:
        attribute, default = _STATED[name]
        return (_attribute_type(node, attribute) or default or first,)
    return (first, *[_SECOND.get(name, first)] * (count - 1))


def _constant(node: Node) -> str:
    value = node.attributes.get("value")
    if isinstance(value, Tensor):
        return value.type
    if node.operator == "ConstantOfShape":
        return "FLOAT"
    return next((kind for name, kind in _VALUES.items() if name in node.attributes), "")


def _control(node: Node, types: Mapping[str, str]) -> tuple[str, ...]:
    """Types of the inner graph's outputs; of a Loop only those after its condition."""
    inner = node.attributes.get("then_branch") or node.attributes.get("body")
    if not isinstance(inner, Graph):
        return ()
    known = element_types(inner, types)
    return tuple(known.get(value.name, "") for value in inner.outputs[node.operator == "Loop" :])


def _input(node: Node, types: Mapping[str, str], position: int) -> str:
    return types.get(node.inputs[position], "") if position < len(node.inputs) else ""


def _attribute_type(node: Node, name: str) -> str:
    value = node.attributes.get(name)
    return TYPES[value] if isinstance(value, int) and 0 < value < len(TYPES) else ""
