"""What crashes, hangs or says no in a process of its own is an answer."""

import subprocess
import sys
import time
from typing import Any

import pytest

from stream.cli.checks.probe import Look, look


def instead(code: str) -> Any:
    """Runs Python code in the child's place."""

    def run(command: list[str], **options: Any) -> "subprocess.CompletedProcess[str]":
        assert command[1:3] == ["-m", "stream.cli.checks.child"]
        return subprocess.run([sys.executable, "-c", code], **options)

    return run


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("print('warning'); print('works')", Look(True, "works")),
        ("print('no driver'); raise SystemExit(1)", Look(False, "no driver")),
        ("import os; os.abort()", Look(False, "crashed (SIGABRT)")),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", Look(False, "crashed (SIGSEGV)")),
        ("raise KeyError('x')", Look(False, "KeyError: 'x'")),
        ("raise SystemExit(3)", Look(False, "no answer")),
    ],
)
def test_every_end_is_an_answer(code: str, expected: Look) -> None:
    assert look("gpu", run=instead(code)) == expected


def test_a_hang_ends_after_its_time() -> None:
    began = time.monotonic()
    found = look("gpu", timeout_s=1.0, run=instead("import time; time.sleep(600)"))
    assert found == Look(False, "no answer in 1 s")
    assert time.monotonic() - began < 30
