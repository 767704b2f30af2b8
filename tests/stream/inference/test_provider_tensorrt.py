"""What `--provider tensorrt` loads: the engine of this machine, and nothing else."""

import shutil
from pathlib import Path
from typing import Any

import pytest

import stream.inference.engine
from stream.bundle.load import Bundle, demo_bundle
from stream.errors import ProviderError
from stream.inference import tensorrt_cache
from stream.inference.engine import Engine, try_provider
from stream.inference.tensorrt_cache import Machine

MACHINE = Machine(
    tensorrt="10.16.1", cuda="13.0", driver="580.65.06", gpu="NVIDIA H200", sm="9.0", onnxruntime="1.31.1"
)


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path, dict[str, str]]]:
    """What sessions are opened on, on a machine that has a GPU; none of them opens."""
    asked: list[tuple[Path, dict[str, str]]] = []

    def session(path: Path, provider: str, threads: int, wish: Any) -> None:
        asked.append((path, dict(wish)))
        raise ProviderError("that far")

    monkeypatch.setenv("UNDERTONE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(stream.inference.engine, "machine", lambda: MACHINE)
    monkeypatch.setattr(stream.inference.engine, "_session", session)
    return asked


def test_the_engine_is_loaded_and_never_the_bundle_s_file(opened: list[tuple[Path, dict[str, str]]]) -> None:
    bundle = Bundle.load(demo_bundle())
    graph = bundle.manifest.modes["full"].fusion
    path = bundle.path(graph.file)
    with pytest.raises(
        ProviderError, match="expected its TensorRT engine, built on this machine, found none"
    ):
        Engine(path, graph, provider="tensorrt")
    assert opened == []
    engine = tensorrt_cache.put(path, MACHINE, lambda place: shutil.copy(path, place) and None)
    with pytest.raises(ProviderError, match="that far"):
        Engine(path, graph, provider="tensorrt")
    assert opened == [(engine, {"trt_engine_cache_enable": "0"})]


def test_a_provider_is_tried_with_one_operator(monkeypatch: pytest.MonkeyPatch) -> None:
    try_provider("cpu")

    class Wrong:
        def run(self, names: Any, inputs: Any) -> Any:
            return [inputs["x"]]

    monkeypatch.setattr(stream.inference.engine, "_session", lambda *arguments: Wrong())
    with pytest.raises(ProviderError, match=r"found wrong numbers \(\[-1\.0, 0\.0, 1\.0, 2\.0\]\)"):
        try_provider("cuda")
