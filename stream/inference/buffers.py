"""Input and output buffers of one graph, allocated once at fixed addresses.

Host arrays are pinned if possible, so that the GPU copies them directly. Since addresses and shapes are
fixed, the graph's kernel launches can be recorded and replayed (a CUDA graph).
"""

import math
import weakref
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from stream.bundle.manifest import Graph
from stream.inference import nvidia


class Binding:
    """A session with its own buffers: arrays in, new arrays out. Not thread-safe.

    ``device`` is ``cuda``, or ``cpu``, where the session reads and writes the host's buffers directly.
    """

    def __init__(self, session: ort.InferenceSession, graph: Graph, device: str = "cuda") -> None:
        self._session = session
        self._run = ort.RunOptions()
        self._binding = session.io_binding()
        self._staged = {t.name: np.zeros(t.shape, t.dtype) for t in graph.inputs}
        self._pinned = [
            array.ctypes.data
            for array in self._staged.values()
            if device != "cpu" and nvidia.pin(array.ctypes.data, array.nbytes)
        ]
        weakref.finalize(self, _unpin, self._pinned)
        self._device = device
        self._inputs = {name: _value(array, device) for name, array in self._staged.items()}
        self._outputs = {t.name: _value(np.zeros(t.shape, t.dtype), device) for t in graph.outputs}
        for name, value in self._inputs.items():
            self._binding.bind_ortvalue_input(name, value)
        for name, value in self._outputs.items():
            self._binding.bind_ortvalue_output(name, value)

    @property
    def pinned(self) -> bool:
        """Whether all inputs are copied from pinned memory."""
        return len(self._pinned) == len(self._staged)

    @property
    def addresses(self) -> dict[str, int]:
        """Address of each input and output; they never change."""
        return {name: value.data_ptr() for name, value in (self._inputs | self._outputs).items()}

    def __call__(self, inputs: Mapping[str, NDArray[Any]]) -> tuple[NDArray[Any], ...]:
        """Run once. Raises ValueError for missing, additional or differently shaped inputs."""
        if inputs.keys() != self._staged.keys():
            raise ValueError(f"expected inputs {sorted(self._staged)}, found {sorted(inputs)}")
        for name, staged in self._staged.items():
            if inputs[name].shape != staged.shape or inputs[name].dtype != staged.dtype:
                raise ValueError(
                    f"input {name}: expected {staged.dtype}{list(staged.shape)}, "
                    f"found {inputs[name].dtype}{list(inputs[name].shape)}"
                )
            np.copyto(staged, inputs[name])
            if self._device != "cpu":
                self._inputs[name].update_inplace(staged)
        self._session.run_with_iobinding(self._binding, self._run)
        return tuple(self._copy(value) for value in self._outputs.values())

    def _copy(self, value: ort.OrtValue) -> NDArray[Any]:
        """A copy of an output for the caller, since the buffer will be overwritten."""
        output: NDArray[Any] = value.numpy()  # a copy, except on the CPU
        return output.copy() if self._device == "cpu" else output


class Place:
    """One tensor at a fixed address: ``array`` on the host, and its copy on a device."""

    def __init__(self, array: NDArray[Any], device: str = "cpu") -> None:
        self.array, self.device = array, device
        self.value = _value(array, device)

    def send(self) -> None:
        """Copy from host to device; on the CPU they are the same memory."""
        if self.device != "cpu":
            self.value.update_inplace(self.array)

    def fetch(self) -> NDArray[Any]:
        """Copy from device to host; on the CPU they are the same memory."""
        if self.device != "cpu":
            np.copyto(self.array, self.value.numpy())
        return self.array

    def put(self, rows: "Place", first: int, axis: int) -> None:
        """Write ``rows`` at index ``first`` along ``axis``, on the device; nothing else is copied."""
        shape = self.array.shape
        count = rows.array.shape[axis]
        if self.device == "cpu":
            self.array[(*(slice(None),) * axis, slice(first, first + count))] = rows.array
            return
        unit = self.array.itemsize * math.prod(shape[axis + 1 :])
        nvidia.copy(
            self.value.data_ptr() + first * unit,
            shape[axis] * unit,
            rows.value.data_ptr(),
            count * unit,
            math.prod(shape[:axis]),
        )


class Bound:
    """A session on places that the caller owns and may share among sessions. Not thread-safe."""

    def __init__(self, session: ort.InferenceSession, graph: Graph, places: Mapping[str, Place]) -> None:
        self._session, self._places = session, places  # kept alive: the session only knows addresses
        self._run = ort.RunOptions()
        self._binding = session.io_binding()
        for tensor in graph.inputs:
            self._binding.bind_ortvalue_input(tensor.name, places[tensor.name].value)
        for tensor in graph.outputs:
            self._binding.bind_ortvalue_output(tensor.name, places[tensor.name].value)

    def __call__(self, inputs: Mapping[str, NDArray[Any]]) -> tuple[NDArray[Any], ...]:
        """Run once on the contents of the places; ``inputs`` must be empty, and the outputs stay in their
        places."""
        if inputs:
            raise ValueError(f"expected the inputs in their places, found {sorted(inputs)} beside them")
        self._session.run_with_iobinding(self._binding, self._run)
        return ()


def _unpin(addresses: Iterable[int]) -> None:
    for address in addresses:
        nvidia.unpin(address)


def _value(array: NDArray[Any], device: str) -> ort.OrtValue:
    """A tensor on the device; on ``cpu`` it is the array itself, not a copy."""
    return ort.OrtValue.ortvalue_from_numpy(array, device, 0)
