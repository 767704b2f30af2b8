"""What ``undertone-training label`` leaves in its folder, for tests of several packages."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

IDS = ["0001", "0002", "0003", "0004"]  # of the fixture ``films``


def lines(out: Path) -> dict[str, dict[str, Any]]:
    """The lines that training reads, by id."""
    return {line["id"]: line for line in map(json.loads, (out / "labels.jsonl").read_text().splitlines())}


def sheet(out: Path) -> list[dict[str, str]]:
    """The rows of the sheet for a person."""
    return list(csv.DictReader(io.StringIO((out / "audit.csv").read_text(encoding="utf-8-sig"))))


def kept(out: Path) -> Iterator[dict[str, Any]]:
    """The kept answers, by file name."""
    return (json.loads(path.read_bytes()) for path in sorted((out / "answers").iterdir()))
