import pytest
from typer.testing import CliRunner

from export.__main__ import app, main


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
