"""The only importer of LiteRT: one network file, loaded and called."""

import time
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from stream.errors import ModelError
from stream.records import Floats, Image


class Network:
    """A ``.tflite`` file with one image input float32 [1, S, S, 3] and float32 outputs.

    Not safe for two threads at once; ``invoke`` itself releases the GIL. Raises ModelError if the file is
    missing, is no such network, or its shapes are not the expected ones.
    """

    def __init__(
        self, path: Path, *, size: int, outputs: tuple[tuple[int, ...], ...], threads: int = 2
    ) -> None:
        if not path.is_file():
            raise ModelError(f"{path} is missing; run `undertone models pull holistic`")
        try:
            self._interpreter: Any = Interpreter(model_path=str(path), num_threads=threads)
            self._interpreter.allocate_tensors()
            inputs = self._interpreter.get_input_details()
            found = self._interpreter.get_output_details()
        except (ValueError, RuntimeError) as error:
            raise ModelError(f"{path} does not load in LiteRT ({error}); pull the models again") from error
        shapes = [tuple(int(n) for n in detail["shape"]) for detail in (*inputs, *found)]
        expected = [(1, size, size, 3), *outputs]
        if shapes != expected or any(detail["dtype"] is not np.float32 for detail in (*inputs, *found)):
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

        The outputs are views of the network's own memory without the batch axis: good until the next call.
        """
        begun = time.perf_counter()
        # Views must be gone before invoke; they cost a microsecond and save a copy each way.
        view = self._input()[0]
        np.multiply(crop, np.float32((high - low) / 255.0), out=view)
        if low:
            view += np.float32(low)
        del view
        self._interpreter.invoke()
        result = [output()[0] for output in self._outputs]
        self.ms = 1e3 * (time.perf_counter() - begun)
        return result
