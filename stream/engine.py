"""The only importer of onnxruntime: one graph on the provider that was asked for, or an error.

ONNX Runtime falls back to the CPU in silence, so a session here is checked three times: the provider must
be known, the session must report it first, and fallback is disabled for anything but the CPU.
"""

import re
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from stream.contract import Graph, Tensor
from stream.errors import BundleError, ModelError, ProviderError

PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
}
# What goes wrong is raised and told in one sentence; the library's own log would only repeat it.
ort.set_default_logger_severity(4)

_DTYPES = {"tensor(float)": "float32", "tensor(int64)": "int64", "tensor(bool)": "bool"}


class Engine:
    """A loaded graph: keyword arrays in, tuple of arrays out, shapes as its manifest entry says.

    Without an entry (somebody else's file) the shapes are the file's, one picture at a time.
    """

    def __init__(
        self, path: Path, graph: Graph | None = None, *, provider: str = "cpu", threads: int = 1
    ) -> None:
        self.path = path
        self.session = _session(path, provider, threads)
        self.graph = graph or _described(path, self.session)
        if graph is not None:
            _compare(path, graph.inputs, self.session.get_inputs(), "input")
            _compare(path, graph.outputs, self.session.get_outputs(), "output")
        self._outputs = [tensor.name for tensor in self.graph.outputs]

    def __call__(self, **inputs: NDArray[Any]) -> tuple[NDArray[Any], ...]:
        """Run once. Contiguous arrays are read in place; the interpreter lock is released meanwhile."""
        return tuple(self.session.run(self._outputs, inputs))

    def warm_up(self) -> None:
        """Run on zeros, so that the first real call costs what every call costs."""
        self(**{t.name: np.zeros(t.shape, t.dtype) for t in self.graph.inputs})


def _session(path: Path, provider: str, threads: int) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 4
    # Spinning threads take the cores from the decoder: 150 against 95 decoded frames a second.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if provider != "cpu":
        options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
        ort.preload_dlls(directory="")  # the CUDA libraries that NVIDIA's wheels bring, if they are here
    name = provider_name(provider)
    try:
        session = ort.InferenceSession(str(path), options, providers=[name], enable_fallback=0)
    except Exception as error:  # onnxruntime raises many pybind types without a common base
        if provider == "cpu":
            raise BundleError(
                f"{path}: expected a loadable ONNX graph, found {_first_line(error)}; "
                "copy or export it again."
            ) from error
        raise ProviderError(_not_loaded(provider, _first_line(error))) from error
    found = session.get_providers()[0]
    if found != name:
        raise ProviderError(_not_loaded(provider, f"{found} in its place"))
    return session


def provider_name(provider: str) -> str:
    """ONNX Runtime's name of ``cpu``, ``cuda`` or ``tensorrt``; raises ProviderError for another."""
    try:
        return PROVIDERS[provider]
    except KeyError:
        known = ", ".join(PROVIDERS)
        raise ProviderError(
            f"provider: expected one of {known}, found {provider!r}; choose one of these."
        ) from None


def _not_loaded(provider: str, found: str) -> str:
    return (
        f"provider {provider}: expected it to load on this machine, found {found}; "
        "run `undertone doctor` to see what does, or use --provider cpu."
    )


def _first_line(error: Exception) -> str:
    """What onnxruntime says, without its prefixes, or what it means where it speaks of its own options."""
    text = re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ", "", str(error).strip() or type(error).__name__)
    if "assigned to the default CPU EP" in text:
        return "no GPU, driver or libraries that it can use (only the CPU would run)"
    if "install TensorRT libraries" in text:
        return "no TensorRT libraries (extra `tensorrt`) or no GPU that they support"
    return re.sub(r"^/\S+ .*?\) (?=[A-Z])", "", text.splitlines()[0])[:200]


def _compare(path: Path, expected: tuple[Tensor, ...], found: list[Any], side: str) -> None:
    want = {t.name: (tuple(t.shape), t.dtype) for t in expected}
    have = {node.name: (tuple(node.shape), _DTYPES.get(node.type, node.type)) for node in found}
    for name in sorted(want.keys() | have.keys()):
        if want.get(name) != have.get(name):
            raise BundleError(
                f"{path}: expected {side} {name} as {_shown(want.get(name))}, "
                f"found {_shown(have.get(name))}; "
                "the graph and manifest.json do not belong together, export the bundle again."
            )


def _described(path: Path, session: ort.InferenceSession) -> Graph:
    """The tensors as the file has them; a first dimension left open is 1, outputs by a run on zeros."""
    inputs = []
    for node in session.get_inputs():
        shape = [1 if i == 0 and not isinstance(n, int) else n for i, n in enumerate(node.shape)]
        if node.type != "tensor(float)" or not all(isinstance(n, int) for n in shape):
            raise ModelError(
                f"{path}: expected float32 inputs of fixed shape, found {node.name} as {node.type}"
                f"{node.shape}; export the model for one picture of one size."
            )
        inputs.append(Tensor(name=node.name, shape=tuple(shape), dtype="float32"))
    names = [node.name for node in session.get_outputs()]
    found = session.run(names, {t.name: np.zeros(t.shape, t.dtype) for t in inputs})
    outputs = []
    for name, value in zip(names, found, strict=True):
        if value.dtype != np.float32:
            raise ModelError(
                f"{path}: expected float32 outputs, found {name} as {value.dtype}; export it with such."
            )
        outputs.append(Tensor(name=name, shape=value.shape, dtype="float32"))
    return Graph(file=path.name, inputs=tuple(inputs), outputs=tuple(outputs))


def _shown(spec: tuple[tuple[int, ...], str] | None) -> str:
    return "nothing" if spec is None else f"{spec[1]}{list(spec[0])}"
