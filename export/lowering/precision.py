"""Converts a float32 graph to a lower precision, stored in the file: float16 for GPUs, int8 for CPUs.

fp16: weights and arithmetic. Operations that float16 would ruin stay in float32 (see `float16`); so do the
nodes before a branch's first layer, which subtract means from coordinates between 0 and 1, and its pooling, a
sum over thousands of rows.
int8, dynamic: the weights of every product with a constant, per channel; activations are scaled at run time,
so no calibration is needed. Attention's own products stay float32.
int8, static: products and convolutions, with scales measured on calibration inputs.

ONNX Runtime's CPU provider computes float16 in float32, so the cost of fp16 arithmetic only shows on a GPU.
"""

import contextlib
import logging
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import onnx
from numpy.typing import NDArray
from onnx import ModelProto
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)

from export.lowering.float16 import to_float16

_LAYERS = ("MatMul", "Gemm", "Conv")
_POOLING = ("ReduceSum", "ReduceMean")


def fp16(model: ModelProto) -> ModelProto:
    """The graph in float16; inputs and outputs stay float32."""
    return to_float16(model, keep=_before_first_layer(model) | _pooling(model))


def int8(path: Path, out: Path) -> None:
    """Write the graph of ``path`` with dynamically quantized products to ``out``."""
    with _quiet():
        quantize_dynamic(
            _without_shapes(path),
            out,
            op_types_to_quantize=["MatMul"],
            per_channel=True,
            weight_type=QuantType.QInt8,
        )


def int8_static(path: Path, out: Path, cases: Sequence[dict[str, NDArray[Any]]]) -> None:
    """Write the graph of ``path``, its scales taken from ``cases``, to ``out``."""
    with _quiet():
        quantize_static(
            _without_shapes(path),
            out,
            _Cases(cases),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["MatMul", "Conv"],
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            extra_options={"ActivationSymmetric": False, "WeightSymmetric": True, "MatMulConstBOnly": True},
        )


def _without_shapes(path: Path) -> ModelProto:
    """The graph without recorded shapes: some belong to folded weights, and the quantizer infers its own."""
    model = onnx.load(path)
    del model.graph.value_info[:]
    return model


class _Cases(CalibrationDataReader):  # type: ignore[misc]  # untyped library
    def __init__(self, cases: Iterable[dict[str, NDArray[Any]]]) -> None:
        self._cases = iter(cases)

    def get_next(self) -> dict[str, NDArray[Any]] | None:
        return next(self._cases, None)


def _before_first_layer(model: ModelProto) -> set[str]:
    """Names of the nodes between the inputs and the first layer with weights."""
    readers: dict[str, list[Any]] = {}
    for node in model.graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    names: set[str] = set()
    pending = [value.name for value in model.graph.input if _is_float(value)]
    while pending:
        for node in readers.get(pending.pop(), ()):
            if node.op_type not in _LAYERS and node.name not in names:
                names.add(node.name)
                pending += node.output
    return names


def _pooling(model: ModelProto) -> set[str]:
    return {node.name for node in model.graph.node if node.op_type in _POOLING}


def _is_float(value: Any) -> bool:
    return bool(value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence the hints on pre-processing that ONNX Runtime's quantizer sends to the root logger."""
    previous = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(previous)
