"""One JSON line per measurement, with the machine, versions and commit it was taken on."""

import json
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from stream.cli.doctor import PACKAGES, machine

ROOT = Path(__file__).resolve().parents[1]
RESULTS = Path(__file__).resolve().parent / "results"


def write(question: str, figures: dict[str, Any], also: Sequence[str] = ()) -> Path:
    """Append ``figures`` to ``results/<question>.jsonl`` and print them; ``also``: more packages to name."""
    line = {
        "question": question,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "machine": machine(),
        "versions": {name: version(name) for name in (*PACKAGES, *also)},
        **figures,
    }
    path = RESULTS / f"{question}.jsonl"
    path.parent.mkdir(exist_ok=True)
    with path.open("a") as out:
        out.write(json.dumps(line) + "\n")
    print(json.dumps(figures, indent=1))
    return path


def newest(question: str) -> dict[str, Any] | None:
    """The last line written for a question, or None."""
    path = RESULTS / f"{question}.jsonl"
    if not path.is_file():
        return None
    found: dict[str, Any] = json.loads(path.read_text().splitlines()[-1])
    return found


def percentiles(values: list[float]) -> dict[str, float]:
    """p50, p95, p99, max and how many samples they rest on."""
    ordered = sorted(values)

    def at(share: float) -> float:
        return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 3)

    return {"p50": at(0.5), "p95": at(0.95), "p99": at(0.99), "max": round(ordered[-1], 3), "n": len(ordered)}


def _commit() -> str:
    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True).stdout.strip()

    return git("rev-parse", "--short", "HEAD") + ("+" if git("status", "--porcelain", "-uno") else "")
