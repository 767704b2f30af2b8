"""Engines up to the border of the hardware: what is kept, when the gate runs, what is refused."""

import os
import platform
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import onnx
import pytest
from onnx import helper
from typer.testing import CliRunner

from export.commands import check, engines, smoke
from export.commands.check import subjects
from export.commands.engines import build
from export.commands.smoke import inspect
from stream.bundle.load import Bundle, demo_bundle
from stream.errors import BundleError, ModelError, ProviderError
from stream.inference import nvidia
from stream.inference import tensorrt_cache as cache
from stream.inference.tensorrt_cache import Machine
from stream.verify import gate
from stream.verify.bundle_parity import Report
from stream.verify.gate import Subject

MACHINE = Machine(
    tensorrt="10.16.1", cuda="13.0", driver="580.65.06", gpu="NVIDIA H200", sm="9.0", onnxruntime="1.31.1"
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("UNDERTONE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


class TensorRT:
    """Stands in for ONNX Runtime's provider: writes what it would, and counts."""

    def __init__(self, parts: int = 1) -> None:
        self.built: list[str] = []
        self.parts = parts

    def __call__(self, graph: Path, place: Path, timings: Path, one: Sequence[str] = ()) -> None:
        self.built.append(graph.name)
        (timings / "sm90.timing").write_bytes(b"timings")
        nodes = [
            helper.make_node("EPContext", [], [f"y{i}"], domain="com.microsoft", ep_cache_context=graph.name)
            for i in range(self.parts)
        ]
        made = helper.make_graph(nodes, "engine", [], [])
        domains = [helper.make_opsetid("", 18), helper.make_opsetid("com.microsoft", 1)]
        onnx.save(helper.make_model(made, opset_imports=domains), place)


def verdict(passed: bool, asked: list[str] | None = None) -> engines.RunGate:
    def prove(subject: Subject, provider: str) -> tuple[Report, Path]:
        assert isinstance(subject, Bundle)
        if asked is not None:
            asked.append(provider)
        report = Report(
            bundle=subject.manifest.name,
            sha256=subject.sha256,
            provider=provider,
            machine="",
            about={},
            created="",
            seconds=3.0,
            graphs=(),
            estimates=1,
            drift=0.0 if passed else 0.5,
            allowed=0.01,
            passed=passed,
        )
        return report, Path("/reports/gate.json")

    return prove


def lines(target: Path, tensorrt: TensorRT, prove: engines.RunGate, out: Path | None = None) -> Iterator[str]:
    return build(subjects(target), out, detect=lambda: MACHINE, compiler=tensorrt, run_gate=prove)


def test_every_graph_gets_an_engine_and_then_the_gate_runs(home: Path) -> None:
    tensorrt, asked = TensorRT(), list[str]()
    said = list(lines(demo_bundle(), tensorrt, verdict(True, asked)))
    graphs = {path.name for path in demo_bundle().glob("*.onnx")}
    assert sorted(tensorrt.built) == sorted(graphs)
    assert asked == ["tensorrt"]
    assert "NVIDIA H200, compute capability 9.0, TensorRT 10.16.1" in said[0]
    assert said[-1].endswith("passed the gate on tensorrt in 3 s, see /reports/gate.json")
    for name in graphs:
        found = cache.find(demo_bundle() / name, MACHINE)
        assert found.is_relative_to(home)
        assert found.stat().st_mode & 0o777 == 0o600
    assert (home / "engines" / "timings" / "sm90.timing").stat().st_mode & 0o777 == 0o600


def test_a_second_time_only_the_gate_runs(home: Path) -> None:
    list(lines(demo_bundle(), TensorRT(), verdict(True)))
    tensorrt, asked = TensorRT(), list[str]()
    list(lines(demo_bundle(), tensorrt, verdict(True, asked)))
    assert tensorrt.built == []
    assert asked == ["tensorrt"]


def test_a_bundle_that_fails_the_gate_is_refused(home: Path) -> None:
    with pytest.raises(
        ProviderError, match=r"expected the golden outputs .* the report is /reports/gate\.json"
    ):
        list(lines(demo_bundle(), TensorRT(), verdict(False)))


def test_a_bundle_that_could_not_be_proven_is_not_built_for(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = Bundle.load(demo_bundle())
    bare = msgspec.structs.replace(bundle, manifest=msgspec.structs.replace(bundle.manifest, golden=None))
    monkeypatch.setattr(check, "load", lambda folder: bare)
    tensorrt = TensorRT()
    with pytest.raises(BundleError, match=r"expected golden tensors .* run `undertone-export golden"):
        list(lines(demo_bundle(), tensorrt, verdict(True)))
    assert tensorrt.built == []


def test_a_report_on_engines_that_are_gone_is_gone(home: Path) -> None:
    """Whoever stops a build half-way finds no verdict on what it made."""
    bundle = Bundle.load(demo_bundle())
    report = gate.report_path(bundle, "tensorrt")
    report.parent.mkdir(parents=True)
    report.write_text("passed")
    with pytest.raises(ProviderError):
        list(lines(demo_bundle(), TensorRT(parts=2), verdict(True)))
    assert not report.exists()


def test_the_check_of_a_bundle_says_what_tensorrt_does_not_take(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = Bundle.load(demo_bundle())
    assert not [line for line in inspect(bundle) if "tensorrt" in line]
    monkeypatch.setattr(smoke, "unsupported", lambda path: ["Det: not an operator of TensorRT's parser"])
    said = [line for line in inspect(bundle) if "tensorrt" in line]
    assert len(said) == 14
    assert said[0].endswith(".onnx: not for --provider tensorrt: Det: not an operator of TensorRT's parser")


def test_another_cache(home: Path, tmp_path: Path) -> None:
    list(lines(demo_bundle(), TensorRT(), verdict(True), tmp_path / "other"))
    assert len(list((tmp_path / "other" / "engines").iterdir())) == 15
    assert not home.exists()


def test_a_graph_in_parts_is_none(home: Path) -> None:
    with pytest.raises(ProviderError, match="one engine of the whole graph, found 2 parts"):
        list(lines(demo_bundle(), TensorRT(parts=2), verdict(True)))
    assert os.listdir(home / "engines") == ["timings"]


def test_timings_that_others_can_write_are_not_used(home: Path) -> None:
    list(lines(demo_bundle(), TensorRT(), verdict(True)))
    for place in (home / "engines").iterdir():
        if place.name != "timings":
            shutil.rmtree(place)
    (home / "engines" / "timings" / "sm90.timing").chmod(0o666)
    with pytest.raises(ProviderError, match="permissions 0666 that let others in"):
        list(lines(demo_bundle(), TensorRT(), verdict(True)))


def test_a_graph_that_brings_its_own_engine_is_refused(home: Path, tmp_path: Path) -> None:
    """An EP context is an engine from elsewhere in an ordinary file's clothes."""
    foreign = tmp_path / "keypoints.onnx"
    TensorRT()(Path("x.onnx"), foreign, tmp_path)
    with pytest.raises(ModelError, match=r"found com\.microsoft\.EPContext: not an operator of ONNX itself"):
        engines.check(foreign)


@pytest.mark.parametrize("problem", ["no driver", "TensorRT 11"])
def test_without_the_means_it_is_one_sentence(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], problem: str
) -> None:
    from export.__main__ import main

    def absent(name: str) -> None:
        raise OSError(name)

    if problem == "TensorRT 11":
        here = nvidia.Gpu(name="NVIDIA H200", sm="9.0", driver="580", cuda="13.0")
        monkeypatch.setattr(nvidia, "gpu", lambda: here)
        real = nvidia.tensorrt
        monkeypatch.setattr(nvidia, "tensorrt", lambda: real(absent, lambda: {"tensorrt-cu13": "11.2.1"}))
    else:
        real_gpu = nvidia.gpu
        monkeypatch.setattr(nvidia, "gpu", lambda: real_gpu(absent))
    monkeypatch.setattr("sys.argv", ["undertone-export", "engines", str(demo_bundle())])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 1
    said = capsys.readouterr()
    expected = {"no driver": "expected NVIDIA's driver", "TensorRT 11": "found tensorrt-cu13 11.2.1"}[problem]
    assert expected in said.err
    assert said.err.count("\n") == 1
    assert not home.exists()


def test_the_command_is_there() -> None:
    from export.__main__ import app

    done = CliRunner().invoke(app, ["engines", "--help"])
    assert done.exit_code == 0
    assert "undertone-export engines" in done.output


def test_the_options_are_words_of_the_provider_that_is_installed() -> None:
    """A misspelt option is ignored in silence on a machine without a GPU, so the library itself is asked."""
    import re
    from inspect import getsource

    import onnxruntime

    from stream.inference.engine import compile_engine

    library = Path(onnxruntime.__file__).parent / "capi" / "libonnxruntime_providers_tensorrt.so"
    if platform.machine() != "x86_64":
        pytest.skip("ONNX Runtime's wheel for this processor has no TensorRT provider")
    words = library.read_bytes()
    used = [*cache.OPTIONS, "trt_engine_cache_enable", *re.findall(r'"(trt_\w+)"', getsource(compile_engine))]
    assert len(used) == 7
    for name in used:
        assert b"\0" + name.encode() + b"\0" in words
    assert nvidia.TENSORRT.encode() in words
