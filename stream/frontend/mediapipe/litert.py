"""One LiteRT network, loaded and called. Only this module imports LiteRT and flatbuffers."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import flatbuffers  # type: ignore[import-untyped,unused-ignore]
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from stream.bundle.model_cache import checked
from stream.errors import ModelError
from stream.records import Floats, Image

_FILE_IDENTIFIER = b"TFL3"

Shape = tuple[int, ...]


@contextmanager
def _silent_stderr() -> Iterator[None]:
    """Silences stderr while LiteRT loads: it prints its CPU delegate there and cannot be told not to."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


class Network:
    """A ``.tflite`` file with one image input float32 [1, S, S, 3] and float32 outputs.

    ``outputs`` are the shapes of the file's outputs in order; None marks an unused one. Operators that only
    feed unused outputs are removed before the graph is loaded: the pose network loses its segmentation and
    thereby a third of its time; the other outputs stay bit-identical.

    Not thread-safe; ``invoke`` releases the GIL. Raises ModelError if the file is missing or not such a
    network, or if its shapes differ from the expected ones.
    """

    def __init__(self, path: Path, *, size: int, outputs: tuple[Shape | None, ...], threads: int) -> None:
        if not path.is_file():
            raise ModelError(f"{path} is missing; run `undertone models pull holistic`")
        try:
            content = trimmed(checked(path), [shape is not None for shape in outputs])
            with _silent_stderr():
                self._interpreter: Any = Interpreter(model_content=content, num_threads=threads)
                self._interpreter.allocate_tensors()
            inputs = self._interpreter.get_input_details()
            found = self._interpreter.get_output_details()
        except (ValueError, RuntimeError, TypeError, IndexError, AttributeError) as error:
            # The flatbuffers reader checks nothing: a damaged file can raise any exception.
            raise ModelError(f"{path} does not load in LiteRT ({error}); pull the models again") from error
        details = (*inputs, *found)
        shapes = [tuple(int(n) for n in detail["shape"]) for detail in details]
        expected = [(1, size, size, 3), *(shape for shape in outputs if shape is not None)]
        if shapes != expected or any(detail["dtype"] is not np.float32 for detail in details):
            raise ModelError(
                f"{path} has tensors {shapes}, expected float32 {expected}; pull the models again"
            )
        self.name = path.stem
        self.size = size
        self.ms = 0.0  # of the last call, input copy included
        self._input = self._interpreter.tensor(inputs[0]["index"])
        self._outputs = [self._interpreter.tensor(detail["index"]) for detail in found]

    def __call__(self, crop: Image, low: float = 0.0, high: float = 1.0) -> list[Floats]:
        """Run on a uint8 crop [S, S, 3] whose 0..255 is stretched to low..high.

        Returns the used outputs without the batch axis: views of the network's own memory, which must be
        dropped before the next call (LiteRT refuses to run while one exists).
        """
        started = time.perf_counter()
        view = self._input()[0]
        np.multiply(crop, np.float32((high - low) / 255.0), out=view)
        if low:
            view += np.float32(low)
        del view
        self._interpreter.invoke()
        result = [output()[0] for output in self._outputs]
        self.ms = 1e3 * (time.perf_counter() - started)
        return result


def trimmed(content: bytes, read: list[bool]) -> bytes:
    """The model without the operators that only feed unused outputs. Raises ValueError if it is not a
    model."""
    if content[4:8] != _FILE_IDENTIFIER:
        raise ValueError("not a TensorFlow Lite model")
    if all(read):
        return content
    model = schema.ModelT.InitFromPackedBuf(content)
    graph = model.subgraphs[0]
    if len(graph.outputs) != len(read):
        raise ValueError(f"{len(graph.outputs)} outputs, expected {len(read)}")
    outputs = [tensor for tensor, wanted in zip(graph.outputs, read, strict=True) if wanted]
    needed, operators = set(outputs), []
    for operator in reversed(graph.operators):
        if needed.intersection(operator.outputs):
            operators.append(operator)
            needed.update(operator.inputs)
    graph.operators, graph.outputs = operators[::-1], np.array(outputs, np.int32)
    model.signatureDefs = None  # they name the removed outputs
    builder = flatbuffers.Builder(len(content))
    builder.Finish(model.Pack(builder), _FILE_IDENTIFIER)
    return bytes(builder.Output())
