"""A float32 graph in another precision, baked into the file: float16 for GPUs, int8 for CPUs.

fp16: weights and sums; what float16 spoils stays in float32 (see `float16`), so do a branch's way in, where
coordinates between 0 and 1 have their means taken off, and its pooling, a sum over thousands of rows.
int8, dynamic: the weights of every product with a constant, 8 bits a channel; activations are scaled as they
come, so nothing has to be calibrated. Attention's own products stay float32.
int8, static: products and convolutions with scales that were seen on calibration inputs.

ONNX Runtime's CPU provider computes float16 in float32: what fp16 sums cost is known on a GPU only.
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

from export.lowering.float16 import halved

_LAYERS = ("MatMul", "Gemm", "Conv")
_POOLING = ("ReduceSum", "ReduceMean")


def fp16(model: ModelProto) -> ModelProto:
    """The graph in float16; inputs and outputs stay float32."""
    return halved(model, keep=_way_in(model) | _pooling(model))


def int8(path: Path, out: Path) -> None:
    """Write the graph of ``path`` with dynamically quantized products to ``out``."""
    with _quiet():
        quantize_dynamic(
            _bare(path), out, op_types_to_quantize=["MatMul"], per_channel=True, weight_type=QuantType.QInt8
        )


def int8_static(path: Path, out: Path, cases: Sequence[dict[str, NDArray[Any]]]) -> None:
    """Write the graph of ``path``, its scales taken from ``cases``, to ``out``."""
    with _quiet():
        quantize_static(
            _bare(path),
            out,
            _Cases(cases),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["MatMul", "Conv"],
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            extra_options={"ActivationSymmetric": False, "WeightSymmetric": True, "MatMulConstBOnly": True},
        )


def _bare(path: Path) -> ModelProto:
    """The graph without noted shapes: some are of weights that were folded; the quantizer infers its own."""
    model = onnx.load(path)
    del model.graph.value_info[:]
    return model


class _Cases(CalibrationDataReader):  # type: ignore[misc]  # no types there
    def __init__(self, cases: Iterable[dict[str, NDArray[Any]]]) -> None:
        self._left = iter(cases)

    def get_next(self) -> dict[str, NDArray[Any]] | None:
        return next(self._left, None)


def _way_in(model: ModelProto) -> set[str]:
    """Names of the nodes between the inputs and the first layer with weights."""
    readers: dict[str, list[Any]] = {}
    for node in model.graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    found: set[str] = set()
    waiting = [value.name for value in model.graph.input if _is_float(value)]
    while waiting:
        for node in readers.get(waiting.pop(), ()):
            if node.op_type not in _LAYERS and node.name not in found:
                found.add(node.name)
                waiting += node.output
    return found


def _pooling(model: ModelProto) -> set[str]:
    return {node.name for node in model.graph.node if node.op_type in _POOLING}


def _is_float(value: Any) -> bool:
    return bool(value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """ONNX Runtime's quantizer advises on its own pre-processing, to the root logger."""
    previous = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(previous)
