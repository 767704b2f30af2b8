"""One graph on the requested provider, or an error. Only this and ``buffers.py`` import onnxruntime.

ONNX Runtime silently falls back to the CPU, so every session is checked three times: the provider must be
known, the session must list it first, and fallback is disabled for all providers but the CPU.
"""

import contextlib
import io
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from stream.bundle.manifest import Graph
from stream.errors import BundleError, ProviderError
from stream.inference import nvidia, tensorrt_cache
from stream.inference.buffers import Binding, Bound, Place
from stream.inference.tensors import compare, graph_from_session

PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
}
# Full float32: TF32 would drop 13 bits of every factor. TensorRT has no option for this, see `_preload`.
CUDA_OPTIONS: Mapping[str, str] = {"use_tf32": "0", "arena_extend_strategy": "kSameAsRequested"}
_OPTIONS: Mapping[str, Mapping[str, str]] = {
    "cpu": {},
    "cuda": CUDA_OPTIONS,
    "tensorrt": {"trt_engine_cache_enable": "0"},  # use only the engine in the file itself
}
# Errors are raised as one sentence; the library's own log would only repeat them.
ort.set_default_logger_severity(4)

# y = Relu(x), float32 [4], opset 18.
_TINY = (
    b'\x08\x08\x12\x00:3\n\x0c\n\x01x\x12\x01y"\x04Relu\x12\x01gZ\x0f\n\x01x\x12\n\n\x08\x08\x01\x12\x04\n\x02'
    b"\x08\x04b\x0f\n\x01y\x12\n\n\x08\x08\x01\x12\x04\n\x02\x08\x04B\x04\n\x00\x10\x12"
)
_CAPTURE_RUNS = 2  # the first run allocates, the second is recorded


class Engine:
    """A loaded graph: keyword arrays in, tuple of arrays out, with the shapes of its manifest entry.

    Without an entry (a third-party file) the shapes are those of the file, with batch size 1. On a GPU the
    inputs and outputs have fixed addresses (so it is not thread-safe), and on ``cuda`` a graph with an entry
    is recorded and replayed as a CUDA graph if ONNX Runtime can; ``captured`` is then True. On ``tensorrt``
    the engine that `undertone-export engines` built from the file is used; nothing is built here.
    """

    def __init__(
        self, path: Path, graph: Graph | None = None, *, provider: str = "cpu", threads: int = 1
    ) -> None:
        self.path = path
        self.captured = False
        provider_name(provider)
        file = tensorrt_cache.find(path, machine()) if provider == "tensorrt" else path
        if provider == "cuda" and graph is not None:
            with contextlib.suppress(_NoCapture):
                self._capture(file, graph, threads)
                return
        self._open(file, graph, provider, threads, _OPTIONS[provider])

    def _open(
        self,
        file: Path,
        graph: Graph | None,
        provider: str,
        threads: int,
        provider_options: Mapping[str, str],
    ) -> None:
        self.session = _session(file, provider, threads, provider_options)
        self.graph = graph or graph_from_session(self.path, self.session)
        if graph is not None:
            compare(self.path, graph.inputs, self.session.get_inputs(), "input")
            compare(self.path, graph.outputs, self.session.get_outputs(), "output")
        self._outputs = [tensor.name for tensor in self.graph.outputs]
        self._binding = self._bound(provider)

    def _bound(self, provider: str) -> Binding | Bound | None:
        return None if provider == "cpu" else Binding(self.session, self.graph)

    def _capture(self, file: Path, graph: Graph, threads: int) -> None:
        self._open(file, graph, "cuda", threads, {**CUDA_OPTIONS, "enable_cuda_graph": "1"})
        try:
            for _ in range(_CAPTURE_RUNS):
                self.warm_up()
        except Exception as error:  # onnxruntime raises many pybind types without a common base
            raise _NoCapture from error
        self.captured = True

    def __call__(self, **inputs: NDArray[Any]) -> tuple[NDArray[Any], ...]:
        """Run once. Contiguous arrays are read without a copy; the GIL is released while it runs."""
        if self._binding is not None:
            return self._binding(inputs)
        return tuple(self.session.run(self._outputs, inputs))

    def warm_up(self) -> None:
        """Run on zeros, so that the first real call is as fast as later ones."""
        self(**{t.name: np.zeros(t.shape, t.dtype) for t in self.graph.inputs})


class PlacedEngine(Engine):
    """An engine that reads and writes places its caller owns: it is called without inputs and copies
    nothing."""

    def __init__(
        self,
        path: Path,
        graph: Graph,
        places: Mapping[str, Place],
        *,
        provider: str = "cpu",
        threads: int = 1,
    ) -> None:
        self._places = places
        super().__init__(path, graph, provider=provider, threads=threads)

    def _bound(self, provider: str) -> Binding | Bound | None:
        return Bound(self.session, self.graph, self._places)

    def warm_up(self) -> None:
        """Run on the current contents of the places."""
        self()


class _NoCapture(Exception):
    """This graph cannot be captured as a CUDA graph."""


def try_provider(provider: str) -> None:
    """Load a provider and run one operator on it, without fallback. Raises ProviderError."""
    session = _session(_TINY, provider, 1)
    (found,) = session.run(["y"], {"x": np.array([-1, 0, 1, 2], np.float32)})
    if found.tolist() != [0, 0, 1, 2]:
        raise ProviderError(_not_loaded(provider, f"wrong numbers ({found.tolist()})"))


def cuda_runtime() -> str:
    """Version of CUDA that ONNX Runtime would use. Raises ProviderError when there is none."""
    _preload()
    return nvidia.runtime()


def machine() -> tensorrt_cache.Machine:
    """The versions that this machine's engines are tied to. Raises ProviderError without a GPU or TensorRT
    10."""
    gpu = nvidia.gpu()
    cuda = cuda_runtime()
    return tensorrt_cache.Machine(
        tensorrt=nvidia.tensorrt(),
        cuda=cuda,
        driver=f"{gpu.driver} (CUDA {gpu.cuda})",
        gpu=gpu.name,
        sm=gpu.sm,
        onnxruntime=ort.__version__,
    )


def compile_engine(path: Path, out: Path, timing: Path, one: Sequence[str] = ()) -> None:
    """Build the TensorRT engine of an ONNX file into ``out``, reusing the timing cache ``timing``.

    Dynamic dimensions listed in ``one`` are fixed to 1. Raises ProviderError when TensorRT cannot take the
    whole graph.
    """
    provider_options = {
        **tensorrt_cache.OPTIONS,
        "trt_dump_ep_context_model": "1",
        "trt_ep_context_file_path": str(out),
        "trt_ep_context_embed_mode": "1",  # the engine inside the file, not beside it
        "trt_timing_cache_enable": "1",
        "trt_timing_cache_path": str(timing),
    }
    _session(path, "tensorrt", 1, provider_options, one)
    if not out.is_file():
        raise ProviderError(
            f"{path}: expected TensorRT to take the whole graph, found that it left an engine out; "
            "export it again, or use --provider cuda."
        )


def _session(
    path: Path | bytes,
    provider: str,
    threads: int,
    provider_options: Mapping[str, str] | None = None,
    one: Sequence[str] = (),
) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 4
    # Spinning threads take cores from the decoder: 95 decoded frames per second instead of 150.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    for dimension in one:
        options.add_free_dimension_override_by_name(dimension, 1)
    name = provider_name(provider)
    if provider != "cpu":
        options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
        _preload()
    try:
        session = ort.InferenceSession(
            path if isinstance(path, bytes) else str(path),
            options,
            providers=[(name, dict(provider_options or {}))],
            enable_fallback=0,
        )
    except Exception as error:  # onnxruntime raises many pybind types without a common base
        if provider == "cpu":
            raise BundleError(
                f"{path!s}: expected a loadable ONNX graph, found {_first_line(error)}; "
                "copy or export it again."
            ) from error
        if "graph capture" in str(error):
            raise _NoCapture from error
        raise ProviderError(_not_loaded(provider, _first_line(error))) from error
    found = session.get_providers()[0]
    if found != name:
        raise ProviderError(_not_loaded(provider, f"{found} in its place"))
    return session


def _preload() -> None:
    """Load the CUDA libraries of NVIDIA's wheels, if installed; missing ones are reported later."""
    os.environ.setdefault("NVIDIA_TF32_OVERRIDE", "0")  # the only way to tell TensorRT through ONNX Runtime
    with contextlib.redirect_stdout(io.StringIO()):  # it prints what it does not find
        ort.preload_dlls(directory="")


def provider_name(provider: str) -> str:
    """ONNX Runtime's name for ``cpu``, ``cuda`` or ``tensorrt``. Raises ProviderError for any other
    provider."""
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
    """First line of onnxruntime's message without its prefixes, or its meaning where it only names
    options."""
    text = re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ", "", str(error).strip() or type(error).__name__)
    if "assigned to the default CPU EP" in text:
        return "no GPU, driver or libraries that it can use (only the CPU would run)"
    if "install TensorRT libraries" in text:
        return "no TensorRT libraries (extra `tensorrt`) or no GPU that they support"
    return re.sub(r"^/\S+ .*?\) (?=[A-Z])", "", text.splitlines()[0])[:200]
