"""Every command explains itself, and what is wrong is one sentence."""

import pytest
from typer.testing import CliRunner

from training.__main__ import app, main

pytestmark = pytest.mark.slow


def test_every_command_explains_itself():
    for command in ("run", "pretrain", "finetune", "deliver", "demo"):
        done = CliRunner().invoke(app, [command, "--help"])
        assert done.exit_code == 0
        assert "Example: undertone-training" in " ".join(done.output.split())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["run", "huge", "--out", "x"], "huge: expected a recipe"),
        (["deliver", "nowhere", "--out", "x"], "expected a checkpoint"),
        (["curves", "/dev/null/run"], "expected a run"),
        (
            ["corpus", "simulate", "a", "--recordings", "1", "--out", "/dev/null/a"],
            "/dev/null/a/recordings: expected to read or write it",
        ),
    ],
)
def test_errors_are_one_sentence(arguments, sentence, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["undertone-training", *arguments])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 1
    said = capsys.readouterr().err
    assert sentence in said
    assert "Traceback" not in said
    assert not list(tmp_path.iterdir())
