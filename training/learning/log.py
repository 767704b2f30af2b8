"""A run's log: JSON lines on disk, and a progress bar on the terminal."""

import json
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn


class Log:
    """JSON lines, also in memory. A resumed run continues after line ``len(log.lines)``."""

    def __init__(self, path: Path | None = None, *, quiet: bool = False) -> None:
        self.path, self.quiet, self.lines = path, quiet, read(path) if path and path.exists() else []
        self._repaired = False
        self._before = self.lines[-1]["elapsed_s"] if self.lines else 0.0
        self._started = time.monotonic()

    def __call__(self, **values: Any) -> None:
        values["elapsed_s"] = round(self._before + time.monotonic() - self._started, 1)
        self.lines.append(values)
        if self.path and not self.quiet:
            self._repair()
            with self.path.open("a") as stream:
                stream.write(json.dumps(values) + "\n")

    def _repair(self) -> None:
        """Before the first write: remove a truncated last line, or the next line would be joined to it."""
        if not self._repaired and self.path and self.path.exists():
            whole = self.path.read_bytes()
            with self.path.open("r+b") as stream:
                stream.truncate(whole.rfind(b"\n") + 1)
        self._repaired = True

    def rewind(self, count: int) -> None:
        """Remove lines beyond the first ``count``: the run resumes from before they were written."""
        if count < len(self.lines):
            del self.lines[count:]
            if self.path and not self.quiet:
                self.path.write_text("".join(json.dumps(line) + "\n" for line in self.lines))


def read(path: Path) -> list[dict[str, Any]]:
    """Lines of a log, without a last line that a kill has truncated."""
    lines = []
    for text in path.read_text().splitlines():
        try:
            lines.append(json.loads(text))
        except json.JSONDecodeError:
            break
    return lines


class Bar:
    """A progress bar of one phase; silent if stderr is no terminal."""

    def __init__(self, phase: str, steps: int, done: int, *, quiet: bool = False) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("loss {task.fields[loss]:.3f}"),
            console=Console(stderr=True),
            disable=quiet or not sys.stderr.isatty(),
        )
        self._task: TaskID = self._progress.add_task(phase, total=steps, completed=done, loss=float("nan"))

    def __enter__(self) -> "Bar":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def step(self, loss: float) -> None:
        self._progress.update(self._task, advance=1, loss=loss)
