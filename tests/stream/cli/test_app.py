"""The undertone command: every sub-command explains itself."""

import pytest
from typer.testing import CliRunner

from stream.cli.app import app


@pytest.mark.parametrize("command", [[], ["models"]])
def test_every_command_explains_itself(command: list[str]) -> None:
    shown = CliRunner().invoke(app, [*command, "--help"]).output
    assert shown.count("│") > 4
    for name in {(): ("watch", "listen", "inspect", "sources", "doctor")}.get(
        tuple(command), ("list", "pull")
    ):
        about = CliRunner().invoke(app, [*command, name, "--help"]).output
        assert "Example" in about
        assert " ".join(["undertone", *command, name]) in " ".join(about.split())


def test_shell_completion_is_offered() -> None:
    assert "--install-completion" in CliRunner().invoke(app, ["--help"]).output
