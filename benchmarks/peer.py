"""A peer in an environment of its own: a child that answers one JSON line with another."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any


class Peer:
    """``script`` run by ``python``, both of the peer's; ``target`` of the Makefile makes its environment.

    Ends the benchmark with one sentence where the environment or an answer is missing. ``ready`` is what the
    child said first.
    """

    def __init__(self, python: Path, script: Path, arguments: Sequence[object], target: str) -> None:
        self._target = target
        if not python.is_file():
            sys.exit(f"{python} is missing: run `make {target}`, which makes the peer's environment")
        command = [str(python), str(script), *map(str, arguments)]
        self._child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.ready = self._answer()["ready"]

    def ask(self, **question: object) -> dict[str, Any]:
        assert self._child.stdin is not None
        self._child.stdin.write(json.dumps(question) + "\n")
        self._child.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._child.stdout is not None
        line = self._child.stdout.readline()
        if not line:
            code = self._child.wait()
            sys.exit(f"the peer ended with code {code}; run `make {self._target}` and try again")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        assert self._child.stdin is not None
        self._child.stdin.close()
        self._child.wait()
