import json
from pathlib import Path

import pytest
from msgspec import structs
from typer.testing import CliRunner

from stream.bundle.load import Bundle
from stream.cli.app import app
from stream.errors import ProviderError
from stream.verify import bundle_parity, gate
from stream.verify.bundle_parity import Difference, Report

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("UNDERTONE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def reduced(bundle: Bundle) -> Bundle:
    """The same graphs under another name of precision: no reference any more."""
    mode = bundle.manifest.modes["full"]
    branches = {n: structs.replace(g, precision="int8") for n, g in mode.branches.items()}
    modes = {"full": structs.replace(mode, branches=branches)}
    return structs.replace(bundle, manifest=structs.replace(bundle.manifest, modes=modes))


def report(bundle: Bundle, *, passed: bool, provider: str = "cpu") -> Report:
    return Report(
        bundle="demo",
        sha256=bundle.sha256,
        provider=provider,
        machine="m",
        about={"cpu": "some"},
        created="now",
        seconds=1.0,
        graphs=(
            Difference(
                graph="keypoints",
                precision="int8",
                cases=3,
                absolute=1.0,
                relative=0.4,
                cosine=0.9,
                passed=passed,
            ),
        ),
        estimates=3,
        drift=0.3,
        allowed=0.02,
        passed=passed,
    )


@pytest.mark.timeout(300)
def test_the_demo_bundle_gives_its_golden_answers_on_the_cpu(bundle: Bundle) -> None:
    found, path = gate.prove(bundle, "cpu", threads=1)
    assert found.passed
    assert {d.graph: d.cases for d in found.graphs} == {
        "keypoints": 26,
        "image": 26,
        "text": 8,
        "fusion": 2,
        "image_encoder": 6,
        "ring-keypoints": 26,
        "ring-image": 26,
        "ring-text": 8,
        "ring-fusion": 2,
    }
    assert found.estimates == 104
    assert found.drift < 1e-4
    assert gate.read(bundle, "cpu") == found
    said = path.with_suffix(".md").read_text()
    assert "demo on cpu: passed" in said
    assert "| image_encoder | fp32 | 6 |" in said


def test_the_reference_needs_no_proof(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle_parity, "check", None)
    gate.require(bundle, "cpu", pytest.fail)
    assert not gate.is_reference(reduced(bundle), "cpu")
    assert not gate.is_reference(bundle, "cuda")


def test_without_a_report_the_gate_runs_once(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, said = [], []

    def check(bundle: Bundle, provider: str, *, threads: int) -> Report:
        asked.append(provider)
        return report(bundle, passed=True)

    monkeypatch.setattr(bundle_parity, "check", check)
    for _ in range(2):
        gate.require(reduced(bundle), "cpu", said.append)
    assert asked == ["cpu"]
    assert len(said) == 2
    assert "not yet proven on cpu" in said[0]
    assert str(gate.report_path(bundle, "cpu")) in said[1]


def test_a_report_of_another_bundle_counts_for_nothing(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = gate.report_path(bundle, "cpu")
    path.parent.mkdir(parents=True)
    monkeypatch.setattr(bundle_parity, "check", lambda bundle, *_, **__: report(bundle, passed=False))
    gate.prove(structs.replace(bundle, sha256=bundle.sha256[:16] + "0" * 48), "cpu")
    assert path.is_file()
    assert gate.read(bundle, "cpu") is None
    path.write_text("{")
    assert gate.read(bundle, "cpu") is None


def test_what_failed_is_refused_with_the_reports_place(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundle_parity, "check", lambda bundle, *_, **__: report(bundle, passed=False))
    for _ in range(2):  # found out, then read
        with pytest.raises(ProviderError) as caught:
            gate.require(reduced(bundle), "cpu", lambda _: None)
    message = str(caught.value)
    assert str(gate.report_path(bundle, "cpu")) in message
    assert "keypoints (relative 0.4, cosine 0.90000), a confidence off by 0.3" in message
    assert "\n" not in message


def test_another_runtime_has_to_prove_itself_again(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    before = gate.report_path(bundle, "cpu")
    monkeypatch.setattr(gate, "about_machine", lambda: {"cpu": "some", "onnxruntime-gpu": "9.9"})
    assert gate.report_path(bundle, "cpu") != before


def test_watch_asks_the_gate(bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import shutil

    folder = Path(shutil.copytree(bundle.folder, tmp_path / "reduced"))
    manifest = json.loads((folder / "manifest.json").read_text())
    for mode in manifest["modes"].values():  # they share the file
        mode["branches"]["text"]["precision"] = "int8"
    (folder / "manifest.json").write_text(json.dumps(manifest))
    monkeypatch.setattr(bundle_parity, "check", lambda bundle, *_, **__: report(bundle, passed=False))
    arguments = ["watch", "demo", "--bundle", str(folder), "--publish", "nowhere"]
    error = CliRunner().invoke(app, arguments).exception
    assert isinstance(error, ProviderError)
    assert str(gate.report_path(Bundle.load(folder), "cpu")) in str(error)
