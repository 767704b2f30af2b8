"""A run killed at any moment ends where an uninterrupted one ends."""

import os
import signal
import subprocess
import sys
import time

import pytest
import torch

from training.config import to_toml
from training.data.materials import from_simulator
from training.learning import runs
from training.learning.checkpoint import load
from training.learning.log import read
from training.learning.loop import observed
from training.learning.progress import STATE

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def materials(tiny_recipe):
    return from_simulator(tiny_recipe)


@pytest.fixture(scope="module")
def whole(tiny_recipe, materials, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    return runs.run(tiny_recipe, folder, materials).model.state_dict(), read(folder / runs.LOG)


class Killed(Exception):
    pass


def spoken(lines):
    return [{k: v for k, v in line.items() if k not in ("elapsed_s", "waiting")} for line in lines]


@pytest.mark.parametrize("at", [3, 17, 31, 40, 47])
def test_interrupted_anywhere_it_ends_the_same(whole, tiny_recipe, materials, tmp_path, at):
    steps = []

    def counted(*step):
        steps.append(step)
        if len(steps) == at:
            raise Killed

    with observed(counted), pytest.raises(Killed):
        runs.run(tiny_recipe, tmp_path, materials)
    again = runs.run(tiny_recipe, tmp_path, materials).model.state_dict()
    assert all(torch.equal(whole[0][name], value) for name, value in again.items())
    assert spoken(read(tmp_path / runs.LOG)) == spoken(whole[1])
    assert not list(tmp_path.glob(".*.part"))


def test_killed_for_good_it_ends_the_same(whole, tiny_recipe, tmp_path):
    """kill -9 from outside, through the command line, at a moment that nobody chose."""
    (tmp_path / "recipe.toml").write_text(to_toml(tiny_recipe))
    command = [sys.executable, "-m", "training", "run", str(tmp_path / "recipe.toml")]
    command += ["--out", str(tmp_path / "run")]
    first = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    state = tmp_path / "run" / STATE
    until = time.monotonic() + 120
    while not state.exists() and first.poll() is None and time.monotonic() < until:
        time.sleep(0.01)
    os.kill(first.pid, signal.SIGKILL)
    assert first.wait() == -signal.SIGKILL
    assert not (tmp_path / "run" / runs.FINETUNED).exists()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=200)
    weights = load(tmp_path / "run" / runs.FINETUNED).model.state_dict()
    assert all(torch.equal(whole[0][name], value) for name, value in weights.items())
