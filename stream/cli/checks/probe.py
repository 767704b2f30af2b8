"""A check in a process of its own: a crash or a hang there becomes a line in the report."""

import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

TIMEOUT_S = 60.0  # TensorRT takes its time to load

FAULTS = ("crashed", "no answer")  # of a check that ended without a result

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@dataclass(frozen=True, slots=True)
class Look:
    """Whether it works, and the child's output."""

    works: bool
    found: str


def look(name: str, *, timeout_s: float = TIMEOUT_S, run: Run = subprocess.run) -> Look:
    """Have the child look at ``name``; see `stream.cli.checks.child`."""
    command = [sys.executable, "-m", "stream.cli.checks.child", name]
    try:
        done = run(
            command, capture_output=True, text=True, timeout=timeout_s, stdin=subprocess.DEVNULL, check=False
        )
    except subprocess.TimeoutExpired:
        return Look(False, f"no answer in {timeout_s:g} s")
    if done.returncode < 0:
        return Look(False, f"crashed ({signal.Signals(-done.returncode).name})")
    said = done.stdout.strip().splitlines() or done.stderr.strip().splitlines() or ["no answer"]
    return Look(done.returncode == 0, said[-1])
