"""With the wheel alone every command works, or names the missing extra in one sentence."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import click
import pytest
import typer.main

from export.__main__ import app as export_app
from stream.bundle.load import demo_bundle
from stream.cli.app import app as stream_app
from training.__main__ import app as training_app

pytestmark = pytest.mark.slow  # a process for each command

APPS = {"undertone": stream_app, "undertone-export": export_app, "undertone-training": training_app}


def commands(name: str) -> list[tuple[str, ...]]:
    """Every sub-command that does something, as the words that call it."""

    def walk(command: click.Command, words: tuple[str, ...]) -> list[tuple[str, ...]]:
        inner = getattr(command, "commands", None)
        if not inner:
            return [words]
        return [found for word, one in inner.items() for found in walk(one, (*words, word))]

    return walk(typer.main.get_command(APPS[name]), (name,))


EVERY = [words for name in APPS for words in commands(name)]


@pytest.fixture
def run(alone: Path, tmp_path: Path):
    def one(*words: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        kept = {name: os.environ[name] for name in ("LANG", "OMP_NUM_THREADS") if name in os.environ}
        environment = {**kept, "PATH": f"{alone}:/usr/bin:/bin", "UNDERTONE_CACHE": str(tmp_path / "cache")}
        return subprocess.run(
            [str(alone / words[0]), *words[1:]],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    return one


def one_sentence(done: subprocess.CompletedProcess[str], command: str, *words: str) -> None:
    assert done.returncode == 1, done.stderr
    [line] = done.stderr.strip().splitlines()
    assert line.startswith(f"{command}: ")
    for word in words:
        assert word in line


def test_no_extra_can_be_imported(alone: Path) -> None:
    for name in ("torch", "onnx", "transformers", "scipy", "google.genai", "ultralytics", "safetensors"):
        done = subprocess.run([alone / "python", "-c", f"import {name}"], capture_output=True, timeout=60)
        assert done.returncode == 1, name


@pytest.mark.parametrize("words", EVERY, ids=" ".join)
def test_every_command_has_its_help(run, words: tuple[str, ...]) -> None:
    done = run(*words, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Example" in done.stdout, "a command shows how it is used"


def test_what_a_live_machine_needs_works(run, tmp_path: Path) -> None:
    for words in (
        ("undertone", "models", "list"),
        ("undertone", "keys", "new", "--keys", str(tmp_path / "keys")),
        ("undertone-export", "check", str(demo_bundle()), "--threads", "1"),
    ):
        done = run(*words)
        assert (done.returncode, done.stderr) == (0, ""), words


def test_engines_get_as_far_as_the_missing_gpu(run) -> None:
    """Graphs are read and checked first; then the sentence is about TensorRT or the GPU, not about `onnx`."""
    done = run("undertone-export", "engines", str(demo_bundle()))
    one_sentence(done, "undertone-export", "provider cuda or tensorrt")


NEED_TRAINING: dict[tuple[str, ...], tuple[str, ...]] = {
    ("undertone-export", "untrained"): ("out",),
    ("undertone-export", "quantize"): (str(demo_bundle()), "--out", "out", "--precision", "fp16"),
    ("undertone-export", "frontends", "detector"): (),
    ("undertone-export", "frontends", "image"): (),
    ("undertone-export", "frontends", "bert"): (),
    ("undertone-export", "frontends", "wholebody"): ("x.onnx",),
    ("undertone-training", "corpus", "simulate"): ("tiny", "--out", "out", "--recordings", "2"),
    ("undertone-training", "run"): ("tiny", "--out", "out"),
    ("undertone-training", "pretrain"): ("tiny", "--out", "out"),
    ("undertone-training", "finetune"): ("out",),
    ("undertone-training", "ring"): ("out",),
    ("undertone-training", "deliver"): ("run", "--out", "out"),
    ("undertone-training", "demo"): ("--out", "out", "--work", "work"),
}


@pytest.mark.parametrize("words", NEED_TRAINING, ids=" ".join)
def test_what_needs_the_extra_names_it(run, words: tuple[str, ...]) -> None:
    done = run(*words, *NEED_TRAINING[words])
    one_sentence(done, words[0], "pip install 'undertone-live[training]'")


OTHERS = [words for words in EVERY if words not in NEED_TRAINING]
OPTIONAL = {("undertone", "listen"): ("nothing",)}  # its default is a publisher that may never come


@pytest.mark.parametrize("words", OTHERS, ids=" ".join)
def test_no_other_command_ends_in_a_traceback(run, words: tuple[str, ...]) -> None:
    """Called with what it needs, and all of that names nothing."""
    command = typer.main.get_command(APPS[words[0]])
    for word in words[1:]:
        command = command.commands[word]
    arguments = [*OPTIONAL.get(words, ())]
    for one in (one for one in command.params if one.required):
        arguments += [one.opts[0], "nothing"] if one.param_type_name == "option" else ["nothing"]
    done = run(*words, *arguments)
    assert done.returncode in (0, 1, 2), done.stderr
    assert "Traceback" not in done.stderr


CLIENT = """
from stream import Analyzer, Bundle, Confidence, Estimate, Frame, watch

def newest(frames: list[Frame]) -> Estimate | None:
    analyzer = Analyzer(Bundle.demo())
    for frame in frames:
        analyzer.observe(frame)
    return analyzer.estimate()

for message in watch("demo"):
    if isinstance(message, Confidence):
        win: float | None = message.win
"""


def test_a_client_is_typed_against_the_wheel(alone: Path, wheel: Path, tmp_path: Path) -> None:
    assert "stream/py.typed" in zipfile.ZipFile(wheel).namelist()
    (tmp_path / "client.py").write_text(CLIENT)
    command = [sys.executable, "-m", "mypy", "--strict", "--python-executable", str(alone / "python")]
    done = subprocess.run([*command, "client.py"], cwd=tmp_path, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout
