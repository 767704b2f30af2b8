"""A bundle of a ring mode and no other: proven, reduced, inspected and built for like any."""

from collections.abc import Callable, Sequence
from pathlib import Path

import onnx
import pytest
from onnx import helper

from export.bundles.quantize import quantize
from export.commands.check import check
from export.commands.engines import build
from stream.branches import modes
from stream.bundle.load import Bundle, load
from stream.bundle.manifest import graphs_of
from stream.cli.checks import speed
from stream.errors import BundleError, ProviderError
from stream.inference.tensorrt_cache import Machine
from stream.verify import bundle_parity, gate, golden
from stream.verify.bundle_parity import Report
from stream.verify.gate import Subject

pytestmark = pytest.mark.slow

MACHINE = Machine(tensorrt="10", cuda="13", driver="580", gpu="a GPU", sm="9.0", onnxruntime="1")


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDERTONE_CACHE", str(tmp_path / "cache"))


def test_it_gives_its_golden_answers(alone: Bundle) -> None:
    (clip,) = golden.load(alone)
    assert clip.ring is not None
    report = bundle_parity.check(alone)
    assert report.passed
    names = ["image_encoder", "ring-keypoints", "ring-image", "ring-text", "ring-fusion"]
    assert [d.graph for d in report.graphs] == names
    assert all(d.cases for d in report.graphs)
    assert report.estimates == 2 * 4


def test_it_is_inspected_and_passes_the_gate(alone: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = list(check([alone], "cpu"))
    assert sum("shapes match, outputs are finite" in line for line in lines) == len(graphs_of(alone.manifest))
    assert any("| ring-keypoints | fp32 |" in line for line in lines)
    said: list[str] = []
    monkeypatch.setattr(gate, "is_reference", lambda subject, provider: False)
    gate.report_path(alone, "cpu").unlink()
    gate.require(alone, "cpu", said.append)
    assert said[0].endswith("comparing with its golden outputs")
    assert said[1].startswith("passed in")


def test_it_is_reduced(alone: Bundle, tmp_path: Path) -> None:
    lines = list(quantize(alone, tmp_path / "half", "fp16", ["ring-keypoints", "ring-text"]))
    assert "ring-keypoints, ring-text in fp16" in lines[-1]
    mode = load(tmp_path / "half").manifest.modes["ring"]
    assert mode.branches["text"].precision == "fp16"


def test_without_golden_answers_of_its_ring_nothing_is_judged(
    alone: Bundle, golden_of: Callable[..., Bundle], tmp_path: Path
) -> None:
    def older(path: Path) -> None:
        kept = golden._read(path)
        golden.save(path, kept.inputs, kept.answers)

    with pytest.raises(BundleError, match="expected golden tensors of its ring mode to prove cpu with"):
        bundle_parity.check(golden_of(alone, tmp_path / "older", older))


def test_engines_are_built_of_all_its_graphs(alone: Bundle) -> None:
    built: list[str] = []

    def compiled(graph: Path, place: Path, timings: Path, one: Sequence[str] = ()) -> None:
        built.append(graph.name)
        node = helper.make_node("EPContext", [], ["y"], domain="com.microsoft")
        domains = [helper.make_opsetid("", 18), helper.make_opsetid("com.microsoft", 1)]
        made = helper.make_graph([node], "engine", [], [])
        onnx.save(helper.make_model(made, opset_imports=domains), place)

    def proven(subject: Subject, provider: str) -> tuple[Report, Path]:
        raise ProviderError("asked for a proof")

    with pytest.raises(ProviderError, match="asked for a proof"):
        list(build([alone], detect=lambda: MACHINE, compiler=compiled, run_gate=proven))
    assert sorted(built) == sorted(graph.file for graph in graphs_of(alone.manifest))


def test_the_doctor_measures_its_ring(alone: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "_front_end", lambda seconds: [10.0])
    found = speed.measure(alone)
    assert (modes.choose(alone), found.mode, found.hop) == ("ring", "ring", 5)
