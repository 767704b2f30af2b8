"""The commands of `undertone-training gestures`: each runs and says what is wrong."""

import pytest
from typer.testing import CliRunner

from stream.errors import UsageError
from training.__main__ import app
from training.cli import gestures

COMMANDS = ("simulate", "train", "evaluate", "ablate", "deliver")
RECIPE = """
name = "test"
threads = 1
points = "36"
branches = ["coordinates", "r2plus1d"]
[coordinates]
ticks = 8
widths = [8]
strides = [2]
[coordinates.course]
steps = 4
batch = 4
[r2plus1d]
network = "r2plus1d_small"
frames = 4
size = 16
stored = 20
view = "portrait"
[r2plus1d.course]
steps = 4
batch = 4
[people]
count = 10
seconds = 20.0
classes = 4
share = 0.6
[reporting]
resamples = 20
"""


def run(*arguments):
    return CliRunner().invoke(gestures.app, [str(a) for a in arguments], catch_exceptions=False)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_shows_an_example(command):
    found = CliRunner().invoke(app, ["gestures", command, "--help"])
    assert found.exit_code == 0
    assert "Example: undertone-training gestures" in found.stdout


def test_made_up_people_as_a_corpus(tmp_path):
    found = run("simulate", "made", "--out", tmp_path / "c", "--people", 6, "--seconds", 10, "--classes", 4)
    assert found.exit_code == 0
    assert "6 recordings; splits: disjoint" in found.stdout
    with pytest.raises(UsageError, match="expected 2 to 26 made-up classes, found 27"):
        run("simulate", "made", "--out", tmp_path / "d", "--classes", 27)


def test_what_is_wrong_is_said_before_anybody_is_made(tmp_path):
    with pytest.raises(UsageError, match="expected inductive or transductive"):
        run("train", "gestures-tiny", "--out", tmp_path / "r", "--setting", "both")
    with pytest.raises(UsageError, match="expected a gesture recipe"):
        run("train", "tiny", "--out", tmp_path / "r")
    with pytest.raises(UsageError, match="expected a table"):
        run("ablate", "everything", "--out", tmp_path / "r")
    with pytest.raises(UsageError, match="expected --seeds"):
        run("ablate", "fusion", "--out", tmp_path / "r", "--seeds", "a")
    with pytest.raises(UsageError, match="expected --corpus beside --videos"):
        run("train", "gestures-tiny", "--out", tmp_path / "r", "--videos", tmp_path)
    assert not (tmp_path / "r").exists()


@pytest.mark.slow
def test_from_people_to_a_submission(tmp_path):
    (tmp_path / "recipe.toml").write_text(RECIPE)
    out = tmp_path / "run"
    found = run("train", tmp_path / "recipe.toml", "--out", out)
    assert found.exit_code == 0
    assert "1-fused: top1" in found.stdout
    found = run("evaluate", out, "--submission", tmp_path / "s.csv")
    assert "| always illustrative |" in found.stdout
    assert (tmp_path / "s.csv").read_text().startswith("Id,Target\nmade-up-")
    found = run("deliver", out, "--out", tmp_path / "delivered")
    assert found.exit_code == 0
    assert (tmp_path / "delivered" / "gesture-r2plus1d.onnx").is_file()
    found = run(
        "ablate", "fusion", "--out", tmp_path / "study", "--recipe", tmp_path / "recipe.toml", "--seeds", "0"
    )
    assert "fusion: test, 1 seed" in found.stdout
