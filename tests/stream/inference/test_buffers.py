"""Bound buffers give what an ordinary run gives, from places that never move; on a GPU with a recorded graph.

No GPU is needed: the CPU provider binds too, and what only CUDA does is held by a session that stands in.
"""

import gc
import platform
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import stream.inference.engine
from stream.bundle.load import Bundle, demo_bundle
from stream.bundle.manifest import Graph
from stream.errors import ProviderError
from stream.inference import buffers, nvidia
from stream.inference.buffers import Binding
from stream.inference.engine import CUDA_OPTIONS, Engine


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return Bundle.load(demo_bundle())


def graphs(bundle: Bundle) -> dict[str, Graph]:
    mode = bundle.manifest.modes["full"]
    return {**mode.branches, "fusion": mode.fusion}


def case(graph: Graph, seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    made: dict[str, Any] = {}
    for tensor in graph.inputs:
        if tensor.dtype == "float32":
            made[tensor.name] = rng.normal(size=tensor.shape).astype(np.float32)
        elif tensor.dtype == "bool":
            made[tensor.name] = rng.random(tensor.shape) < 0.7
        else:
            made[tensor.name] = rng.integers(0, 20, tensor.shape)
    return made


@pytest.mark.parametrize("name", ["fusion", "image", "text"])
def test_bound_is_what_run_is_bit_for_bit(bundle: Bundle, name: str) -> None:
    graph = graphs(bundle)[name]
    engine = Engine(bundle.path(graph.file), graph)
    bound = Binding(engine.session, graph, "cpu")
    for seed in range(3):
        inputs = case(graph, seed)
        for expected, found in zip(engine(**inputs), bound(inputs), strict=True):
            assert expected.tobytes() == found.tobytes()


def test_an_output_stays_the_caller_s_when_the_next_comes(bundle: Bundle) -> None:
    graph = graphs(bundle)["fusion"]
    bound = Binding(Engine(bundle.path(graph.file), graph).session, graph, "cpu")
    (first,) = bound(case(graph, 1))
    kept = first.copy()
    (second,) = bound(case(graph, 2))
    assert first == kept
    assert second != first


def test_nothing_moves_and_nothing_is_allocated_per_call(bundle: Bundle) -> None:
    graph = graphs(bundle)["image"]
    bound = Binding(Engine(bundle.path(graph.file), graph).session, graph, "cpu")
    inputs = case(graph, 1)
    before = bound.addresses
    bound(inputs)
    gc.collect()
    tracemalloc.start()
    for _ in range(5):
        (vector,) = bound(inputs)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert bound.addresses == before
    assert len(set(before.values())) == len(graph.inputs) + len(graph.outputs)
    assert peak < inputs["features"].nbytes // 4  # an input is never copied anew
    assert vector.nbytes < peak + 1


def test_inputs_that_do_not_fit_are_named(bundle: Bundle) -> None:
    graph = graphs(bundle)["fusion"]
    bound = Binding(Engine(bundle.path(graph.file), graph).session, graph, "cpu")
    inputs = case(graph, 1)
    with pytest.raises(ValueError, match=r"expected inputs .*present"):
        bound({name: value for name, value in inputs.items() if name != "present"})
    with pytest.raises(ValueError, match=r"input present: expected bool\[1, 3\], found float64\[1, 3\]"):
        bound({**inputs, "present": np.zeros((1, 3))})


# -- what only a GPU does ----------------------------------------------------------------------------


class Device:
    """A GPU that is none: sessions compute on the CPU, and remember how they were asked for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, fault: Callable[[dict[str, str], str], None]) -> None:
        self.asked: list[dict[str, str]] = []
        self.pinned: list[int] = []
        self.unpinned: list[int] = []
        self.updates = 0
        real, device = stream.inference.engine.ort.InferenceSession, self

        class Session:
            def __init__(
                self, path: str, options: Any, providers: Sequence[Any], enable_fallback: int
            ) -> None:
                ((self.provider, self.options),) = providers
                assert options.get_session_config_entry("session.disable_cpu_ep_fallback") == "1"
                device.asked.append(self.options)
                fault(self.options, "open")
                self.real = real(path, providers=["CPUExecutionProvider"])

            def get_providers(self) -> list[str]:
                return [self.provider]

            def run_with_iobinding(self, bound: Any, run: Any) -> None:
                fault(self.options, "run")
                self.real.run_with_iobinding(bound, run)

            def __getattr__(self, name: str) -> Any:
                return getattr(self.real, name)

        class Value:
            """On the "device": a copy of the array, as CUDA's would be."""

            @staticmethod
            def ortvalue_from_numpy(array: Any, where: str, _: int) -> Any:
                assert where == "cuda"
                return Value.wrap(binding_value(array.copy(), "cpu", 0))

            @staticmethod
            def wrap(value: Any) -> Any:
                def update(array: Any) -> None:
                    device.updates += 1
                    value.update_inplace(array)

                return SimpleNamespace(
                    update_inplace=update,
                    data_ptr=value.data_ptr,
                    numpy=lambda: value.numpy().copy(),
                    real=value,
                )

        binding_value = buffers.ort.OrtValue.ortvalue_from_numpy
        real_binding = stream.inference.engine.ort.InferenceSession.io_binding

        def io_binding(session: Any) -> Any:
            made = real_binding(session.real)
            return SimpleNamespace(
                bind_ortvalue_input=lambda n, v: made.bind_ortvalue_input(n, v.real),
                bind_ortvalue_output=lambda n, v: made.bind_ortvalue_output(n, v.real),
                made=made,
            )

        def run_bound(session: Any, bound: Any, run: Any) -> None:
            fault(session.options, "run")
            session.real.run_with_iobinding(bound.made, run)

        Session.io_binding = io_binding  # type: ignore[attr-defined]
        Session.run_with_iobinding = run_bound  # type: ignore[method-assign]
        fake = SimpleNamespace(
            **{n: getattr(stream.inference.engine.ort, n) for n in ("SessionOptions", "ExecutionMode")}
        )
        fake.InferenceSession, fake.preload_dlls = Session, lambda directory: print("noise")
        monkeypatch.setattr(stream.inference.engine, "ort", fake)
        monkeypatch.setattr(
            buffers, "ort", SimpleNamespace(RunOptions=buffers.ort.RunOptions, OrtValue=Value)
        )
        monkeypatch.setattr(nvidia, "pin", lambda address, size: self.pinned.append(address) or True)
        monkeypatch.setattr(nvidia, "unpin", self.unpinned.append)


def fine(options: dict[str, str], when: str) -> None:
    """No fault."""


def no_capture_at(moment: str, what: str) -> Callable[[dict[str, str], str], None]:
    def fault(options: dict[str, str], when: str) -> None:
        if when == moment and "enable_cuda_graph" in options:
            raise RuntimeError(what)

    return fault


def test_cuda_records_the_graph_and_feeds_it_from_locked_pages(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    graph = graphs(bundle)["fusion"]
    expected = Engine(bundle.path(graph.file), graph)(**case(graph, 3))
    device = Device(monkeypatch, fine)
    engine = Engine(bundle.path(graph.file), graph, provider="cuda")
    assert engine.captured
    assert device.asked == [{**CUDA_OPTIONS, "enable_cuda_graph": "1"}]
    before = device.updates
    (found,) = engine(**case(graph, 3))
    assert found == expected[0]
    assert device.updates == before + len(graph.inputs)
    assert len(device.pinned) == len(graph.inputs)
    del engine
    gc.collect()
    assert device.unpinned == device.pinned
    assert capsys.readouterr().out == ""  # the library prints what it does not find


@pytest.mark.parametrize(
    "fault",
    [
        no_capture_at("open", "This session cannot use the graph capture feature as requested by the user"),
        no_capture_at("run", "operation not permitted when stream is capturing"),
    ],
)
def test_a_graph_that_cannot_be_recorded_runs_without(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch, fault: Callable[[dict[str, str], str], None]
) -> None:
    graph = graphs(bundle)["fusion"]
    expected = Engine(bundle.path(graph.file), graph)(**case(graph, 3))
    device = Device(monkeypatch, fault)
    engine = Engine(bundle.path(graph.file), graph, provider="cuda")
    assert not engine.captured
    assert device.asked[-1] == CUDA_OPTIONS
    assert engine(**case(graph, 3)) == expected


def test_any_other_failure_is_the_provider_s(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(options: dict[str, str], when: str) -> None:
        raise RuntimeError("CUDA failure 35: driver too old")

    device = Device(monkeypatch, broken)
    graph = graphs(bundle)["fusion"]
    with pytest.raises(ProviderError, match=r"provider cuda: expected it to load .* driver too old"):
        Engine(bundle.path(graph.file), graph, provider="cuda")
    assert len(device.asked) == 1


def test_the_options_are_words_of_the_providers_that_are_installed() -> None:
    """A misspelt option is ignored in silence on a machine without a GPU, so the library itself is asked."""
    import onnxruntime

    capi = Path(onnxruntime.__file__).parent / "capi"
    cuda = capi / "libonnxruntime_providers_cuda.so"
    if platform.machine() != "x86_64":
        pytest.skip("ONNX Runtime's wheel for this processor has no CUDA provider")
    words = cuda.read_bytes()
    for name in (*CUDA_OPTIONS, "enable_cuda_graph"):
        assert name.encode() in words
    assert nvidia.RUNTIME.encode() in words
