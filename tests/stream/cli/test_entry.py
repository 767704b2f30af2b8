"""Commands as processes: full disks, closed and narrow outputs, readers that leave, versions."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
STREAM = [sys.executable, "-m", "stream"]


def run(command: list[str], **options) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **options.pop("environment", {})}
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    return subprocess.run(command, text=True, timeout=120, cwd=ROOT, env=environment, **options)


def shell(script: str, **options) -> subprocess.CompletedProcess[str]:
    return run(["bash", "-c", f"set -o pipefail; {script}", "bash", *STREAM], **options)


@pytest.mark.parametrize(
    ("module", "command"),
    [("stream", "undertone"), ("export", "undertone-export"), ("training", "undertone-training")],
)
def test_every_command_has_a_version(module: str, command: str) -> None:
    from stream import __version__

    done = run([sys.executable, "-m", module, "--version"])
    assert (done.returncode, done.stdout) == (0, f"{command} {__version__}\n")


@pytest.mark.parametrize("module", ["stream", "export", "training"])
def test_every_command_completes_in_the_shell(module: str) -> None:
    detection = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}  # a test has no shell above it
    done = run([sys.executable, "-m", module, "--show-completion", "bash"], environment=detection)
    assert done.returncode == 0
    assert "complete" in done.stdout


@pytest.mark.parametrize("module", ["stream", "export", "training"])
def test_every_command_says_one_sentence_and_exits_with_one(module: str, tmp_path: Path) -> None:
    bad = {
        "stream": ["models", "pull", "nope"],
        "export": ["check", str(tmp_path / "none")],
        "training": ["run", "no-such-recipe", "--out", str(tmp_path / "run")],
    }[module]
    done = run([sys.executable, "-m", module, *bad])
    assert done.returncode == 1
    assert done.stdout == ""
    name = "undertone" if module == "stream" else f"undertone-{module}"
    [sentence] = done.stderr.splitlines()
    assert sentence.startswith(f"{name}: ")
    assert sentence.endswith((".", "?"))


@pytest.mark.parametrize("command", [["models", "list"], ["sources"], ["--help"], ["--version"]])
def test_a_full_disk_is_one_sentence(command: list[str]) -> None:
    with open("/dev/full", "w") as full:
        done = run([*STREAM, *command], stdout=full)
    assert done.returncode == 1
    assert done.stderr == (
        "undertone: expected to write to standard output, found No space left on device; "
        "make room or send the output elsewhere.\n"
    )


def test_a_full_disk_under_standard_error_is_silent() -> None:
    with open("/dev/full", "w") as full:
        done = run([*STREAM, "models", "pull", "nope"], stderr=full)
    assert done.returncode == 1


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_error(closed: str) -> None:
    done = shell(f'"$@" models list {closed}')
    assert (done.returncode, done.stderr) == (0, "")


def test_a_reader_that_leaves_is_no_error() -> None:
    done = shell('"$@" watch --help | true; echo ${PIPESTATUS[0]}')
    assert done.stdout == "0\n"
    assert done.stderr == ""


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "ascii:strict"])
def test_no_encoding_raises(encoding: str, tmp_path: Path) -> None:
    environment = {"PYTHONIOENCODING": encoding}
    for command in (["watch", "--help"], ["models", "list"], ["watch", "gibt-es-nicht-ä-好.mp4"]):
        done = run([*STREAM, *command], environment=environment, encoding="latin-1")
        assert "Traceback" not in done.stderr
        assert "Error" not in done.stderr.replace("Errors", "")
        assert done.returncode in (0, 1)


def test_json_keeps_its_text_in_any_encoding() -> None:
    code = "from stream.cli.terminal import json_line; print(json_line({'a': 'é好😀\\x9b\\u202e'}), end='')"
    narrow = run([sys.executable, "-c", code], environment={"PYTHONIOENCODING": "ascii"}).stdout
    wide = run(
        [sys.executable, "-c", code], environment={"PYTHONIOENCODING": "utf-8"}, encoding="utf-8"
    ).stdout
    assert json.loads(narrow) == json.loads(wide) == {"a": "é好😀\x9b\u202e"}
    assert narrow.isascii()
    assert "é好😀" in wide
    assert all(c.isprintable() for c in wide.rstrip("\n")), "a control character would steer the terminal"
