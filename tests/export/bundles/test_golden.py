import onnx
import pytest
from msgspec import structs
from onnx import numpy_helper
from typer.testing import CliRunner

from export.__main__ import main
from export.bundles.golden import moments
from export.bundles.quantize import quantize
from export.bundles.write import copied
from stream.branches.full_mode import FullMode
from stream.bundle.load import load
from stream.cli.app import app
from stream.errors import ProviderError
from stream.verify import bundle_parity, gate, golden

pytestmark = pytest.mark.slow


def command(monkeypatch, capsys, *arguments):
    """Exit code, stdout and stderr of ``undertone-export``."""
    monkeypatch.setattr("sys.argv", ["undertone-export", *map(str, arguments)])
    with pytest.raises(SystemExit) as stopped:
        main()
    said = capsys.readouterr()
    return stopped.value.code or 0, said.out, said.err


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("UNDERTONE_CACHE", str(tmp_path / "cache"))


def tampered_with(bundle, out):
    """A bundle, hashes and all, with other weights in one branch."""

    def change(folder):
        path = folder / "keypoints.onnx"
        model = onnx.load(path)
        for weights in model.graph.initializer:
            values = numpy_helper.to_array(weights)
            if values.ndim == 2 and values.dtype.kind == "f":
                weights.CopyFrom(numpy_helper.from_array(values[::-1].copy(), weights.name))
        onnx.save(model, path)
        return bundle.manifest

    return copied(bundle, out, change).folder


@pytest.fixture
def tampered(golden_bundle, tmp_path):
    return tampered_with(load(golden_bundle), tmp_path / "tampered")


def test_a_bundle_that_gives_its_golden_answers_passes(golden_bundle, tmp_path, monkeypatch, capsys):
    report = tmp_path / "gate.md"
    code, out, _ = command(monkeypatch, capsys, "check", golden_bundle, "--report", report)
    assert code == 0
    assert "untrained on cpu: passed" in out
    assert "untrained on cpu: passed" in report.read_text()
    assert len(list((tmp_path / "cache" / "gate").iterdir())) == 2


def test_a_bundle_whose_branch_drifts_fails_and_says_where(tampered, tmp_path, monkeypatch, capsys):
    code, out, err = command(monkeypatch, capsys, "check", tampered, "--report", tmp_path / "gate.json")
    assert code == 1
    assert "| keypoints | fp32 |" in out
    assert "**failed**" in out
    assert err.count("\n") == 1
    assert "found others from keypoints (relative" in err
    assert str(tmp_path / "cache" / "gate") in err
    assert (tmp_path / "gate.json").read_bytes().startswith(b'{"schema":1,"bundle":"untrained"')
    report = bundle_parity.check(load(tampered))
    assert [d.graph for d in report.graphs if not d.passed] == ["keypoints"]


def test_a_place_that_cannot_be_written_is_one_sentence(golden_bundle, tmp_path, monkeypatch, capsys):
    code, _, err = command(
        monkeypatch, capsys, "check", golden_bundle, "--report", tmp_path / "no" / "gate.md"
    )
    assert code == 1
    assert "--report" in err
    assert "Traceback" not in err


@pytest.mark.parametrize("provider", ["cuda", "tensorrt"])
def test_a_provider_that_is_not_here_is_one_sentence(golden_bundle, monkeypatch, capsys, provider):
    code, _, err = command(monkeypatch, capsys, "check", golden_bundle, "--provider", provider)
    assert code == 1
    assert err.startswith("undertone-export: provider ")
    assert err.count("\n") == 1


def test_moments_are_spread_and_the_last_has_a_full_window():
    assert moments(120, 4000).tolist() == [*range(9, 120, 10), 3999]
    assert moments(6000, 4000).tolist()[-1] == 5999


def test_watch_refuses_a_branch_that_is_wrong_and_says_where_the_report_is(golden_bundle, tmp_path):
    """Nothing is stood in for: float16 graphs, one of them with other weights, on the CPU's own provider."""
    list(quantize(load(golden_bundle), tmp_path / "half", "fp16", ["keypoints", "text"]))
    wrong = tampered_with(load(tmp_path / "half"), tmp_path / "wrong")
    reports = tmp_path / "cache" / "gate"
    for _ in range(2):  # found out, then read
        error = (
            CliRunner()
            .invoke(app, ["watch", "demo", "--bundle", str(wrong), "--publish", "tcp://127.0.0.1:0"])
            .exception
        )
        assert isinstance(error, ProviderError)
        (report,) = reports.glob("*.json")
        assert str(report) in str(error)
        assert "found others from keypoints (relative" in str(error)
        assert "**failed**" in report.with_suffix(".md").read_text()
    found = gate.read(load(wrong), "cpu")
    assert [d.graph for d in found.graphs if not d.passed] == ["keypoints"]
    gate.require(load(tmp_path / "half"), "cpu", lambda _: None)
    assert len(list(reports.glob("*.json"))) == 2


def test_a_drift_of_one_text_alone_fails(golden_bundle, monkeypatch):
    bundle = load(golden_bundle)
    assert next(d for d in bundle_parity.check(bundle).graphs if d.graph == "text").cases == 3
    real = bundle_parity.compute_answers

    def off(*arguments):
        answers = real(*arguments)
        answers.vectors["text"][1] *= 1.01
        return answers

    monkeypatch.setattr(bundle_parity, "compute_answers", off)
    assert [d.graph for d in bundle_parity.check(bundle).graphs if not d.passed] == ["text"]


def test_moments_use_the_texts_in_turn(golden_bundle):
    bundle = load(golden_bundle)
    (clip,) = golden.load(bundle)
    answers, temporal = clip.answers, FullMode(bundle)
    for i in range(len(answers.logits)):
        vectors = {name: v[i][None] for name, v in answers.vectors.items() if name != "text"}
        vectors["text"] = answers.vectors["text"][i % 3][None]
        assert temporal.fuse(vectors) == pytest.approx(answers.logits[i, 1], abs=1e-6)
    assert len(set(answers.logits[:, 1].tolist())) == len(answers.logits)


def test_a_branch_that_gives_no_number_fails(golden_bundle, monkeypatch):
    bundle = load(golden_bundle)
    real = bundle_parity.compute_answers

    def broken(*arguments):
        answers = real(*arguments)
        answers.vectors["image"][0] = float("nan")
        return answers

    monkeypatch.setattr(bundle_parity, "compute_answers", broken)
    report = bundle_parity.check(bundle)
    assert not report.passed
    found = next(d for d in report.graphs if d.graph == "image")
    assert found.relative == bundle_parity.NO_NUMBER


def test_the_tolerance_of_the_manifest_counts(golden_bundle, monkeypatch):
    bundle = load(golden_bundle)
    real = bundle_parity.compute_answers

    def off(*arguments):
        answers = real(*arguments)
        answers.vectors["image"][:] *= 1.01
        return answers

    monkeypatch.setattr(bundle_parity, "compute_answers", off)
    assert not bundle_parity.check(bundle).passed
    loose = bundle_parity.USUAL["int8"]
    manifest = structs.replace(bundle.manifest, tolerances={"fp32": loose})
    assert bundle_parity.check(structs.replace(bundle, manifest=manifest)).passed
