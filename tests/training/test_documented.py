"""The commands that are documented: they exist, and who needs pictures is given a corpus with pictures."""

import re
import shlex
from itertools import pairwise
from pathlib import Path

import pytest
import typer

from training import config
from training.__main__ import app

ROOT = Path(__file__).parents[2]
SOURCES = (ROOT / "README.md", *sorted(ROOT.glob("*/README.md")), *sorted((ROOT / "training").rglob("*.py")))


def commands():
    """Words of every documented command, and where it stands; one in prose may run over a line's end."""
    for path in SOURCES:
        text = path.read_text()
        found = [line for line in text.splitlines() if re.match(r" *undertone-training [a-z]", line)]
        found += re.findall(r"`(undertone-training [a-z][^`]*)`", text)
        for command in found:
            yield path.relative_to(ROOT), shlex.split(command, comments=True)[1:]


def options(words):
    return dict(pairwise(words))


def group():
    return typer.main.get_command(app)


@pytest.mark.parametrize(("path", "words"), list(commands()), ids=lambda value: str(value))
def test_every_documented_command_exists_with_its_options(path, words):
    command, left = group(), list(words)
    while left and hasattr(command, "commands"):
        command = command.commands[left.pop(0)]
    known = {flag for parameter in command.params for flag in parameter.opts}
    assert {word.split("=")[0] for word in left if word.startswith("--")} <= known | {"--help"}


def test_whoever_needs_pictures_is_given_a_corpus_that_has_them():
    every = [(path, words, options(words)) for path, words in commands()]
    seen = {
        given["--out"]
        for _, words, given in every
        if words[0] == "extract" and given.keys() & {"--encoder", "--image"}
    }
    needing = []
    for path, words, given in every:
        name = words[1] if words[0] in ("run", "crossval") else given.get("--recipe", "ablation")
        recipe = config.load(name if (config.RECIPES / f"{name}.toml").exists() else "ablation")
        # Made-up people have no pictures; recipes for real ones read DINOv2-Base. Table 1 is of keypoints.
        real = recipe.model.image_features == 768 and "image" in recipe.data.branches
        if "--corpus" in given and (words[:2] == ["ablate", "image"] or (real and words[1] != "spatial")):
            needing.append((path, words, given["--corpus"]))
    assert {words[0] for _, words, _ in needing} >= {"run", "crossval", "ablate"}
    assert [(path, words) for path, words, corpus in needing if corpus not in seen] == []
