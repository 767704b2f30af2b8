"""``undertone-export check``: what can be checked, and what of it is written down."""

import pytest
from typer.testing import CliRunner

from export.__main__ import app, main
from export.commands.check import check, subjects
from stream.bundle.load import load
from stream.errors import ProviderError, UsageError
from stream.verify import gate
from stream.verify.bundle_parity import Report


def test_untrained_then_check(tmp_path):
    arguments = [
        "untrained",
        str(tmp_path / "b"),
        "--poses",
        "20",
        "--features",
        "4",
        "--dim",
        "8",
        "--no-image",
    ]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    done = CliRunner().invoke(app, ["check", str(tmp_path / "b")])
    assert done.exit_code == 0, done.output
    assert "keypoints.onnx: shapes match, outputs are finite" in done.output


def test_a_missing_bundle_is_one_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["undertone-export", "check", str(tmp_path)])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 1
    said = capsys.readouterr().err
    assert "expected a bundle, a model that" in said
    assert "Traceback" not in said


def test_a_bundle_is_one_subject(bundle):
    (found,) = subjects(bundle)
    assert found.sha256 == load(bundle).sha256


@pytest.mark.parametrize("name", ["none", "empty", "bare"])
def test_what_cannot_be_checked_is_one_sentence(tmp_path, name):
    (tmp_path / "empty").mkdir()
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "model.onnx").write_bytes(b"a model without its card")
    with pytest.raises(UsageError, match=r"expected a bundle, a model that .* found none; give one of these"):
        subjects(tmp_path / name)


def test_a_bundle_without_golden_tensors_is_checked_as_far_as_it_goes(bundle, tmp_path):
    lines = list(check([load(bundle)], "cpu", tmp_path / "gate.json"))
    assert sum("shapes match, outputs are finite" in line for line in lines) == 5
    assert lines[-1].startswith("golden tensors: none")
    assert not (tmp_path / "gate.json").exists(), "nothing was proven"


def test_a_provider_that_is_none_is_refused_before_anything_is_run(bundle):
    with pytest.raises(ProviderError, match=r"expected one of cpu, cuda, tensorrt, found .*npu"):
        next(check([load(bundle)], "npu"))


def report(passed):
    return Report(
        bundle="b", sha256="0" * 64, provider="cpu", machine="m", about={}, created="now", seconds=1.0,
        graphs=(), estimates=1, drift=0.5, allowed=0.1, passed=passed,
    )  # fmt: skip


@pytest.fixture
def proven(bundle, tmp_path, monkeypatch):
    """As if the gate had been run; how it ends is what the test says."""

    def prove(*passed):
        ends = iter(passed)
        monkeypatch.setattr(gate, "is_reference", lambda subject, provider: False)
        monkeypatch.setattr(gate, "prove", lambda *a, **more: (report(next(ends)), tmp_path / "kept.json"))
        return [load(bundle)] * len(passed)

    return prove


@pytest.mark.parametrize(
    ("name", "start"),
    [("gate.md", "# b on cpu: passed"), ("gate.json", '{"schema":1'), ("gate", '{"schema":1')],
)
def test_a_report_is_written_in_words_or_as_json(proven, tmp_path, name, start):
    lines = list(check(proven(True), "cpu", tmp_path / name))
    assert lines[-1] == f"report: {tmp_path / 'kept.json'}"
    assert (tmp_path / name).read_text().startswith(start)


def test_several_reports_are_a_list(proven, tmp_path):
    list(check(proven(True, True), "cpu", tmp_path / "gate.json"))
    assert (tmp_path / "gate.json").read_text().startswith('[{"schema":1')


def test_a_failure_is_raised_after_every_report_was_written(proven, tmp_path):
    with pytest.raises(ProviderError, match=r"kept\.json"):
        list(check(proven(False, True), "cpu", tmp_path / "gate.md"))
    said = (tmp_path / "gate.md").read_text()
    assert "failed" in said
    assert "passed" in said


def test_a_report_that_cannot_be_written_is_one_sentence(proven, tmp_path):
    with pytest.raises(UsageError, match=r"^--report .*: expected a place to write to, found No such file"):
        list(check(proven(True), "cpu", tmp_path / "none" / "gate.md"))
