"""Label files: the subject and result (win or loss) of each video."""

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from stream.errors import UsageError
from training.corpus.index import listed

# Our own names first, then those of the Oulu release, whose rows are gestures, several per video.
_COLUMNS = {"id": ("id", "video_id"), "subject": ("subject", "subject_id"), "label": ("label", "win_or_lose")}
_WORDS = {"win": 1, "won": 1, "1": 1, "lose": 0, "loss": 0, "lost": 0, "0": 0, "": None}


@dataclass(frozen=True, slots=True)
class Label:
    """The label of one video."""

    subject: str
    label: int | None  # 1 win, 0 loss, None unknown
    text: str | None = None


def read(path: str | Path) -> dict[str, Label]:
    """Labels by video id, from a CSV file with a header: id, subject, label and optionally text.

    The Oulu names video_id, subject_id and win_or_lose are also accepted. Cells may be separated by commas,
    semicolons or tabs; a spreadsheet's 9.0 is the number 9. Raises UsageError for a missing file or column,
    an unknown result, a video with two subjects or results, and an id written in two ways (54 and 0054).
    """
    found: dict[str, Label] = {}
    written: dict[str, tuple[str, int]] = {}  # number → its first spelling, and the line
    for number, row in rows(path):
        named = {key: _first(row, names) for key, names in _COLUMNS.items()}
        missing = [names[0] for key, names in _COLUMNS.items() if named[key] is None]
        if missing:
            raise UsageError(
                f"{path}: expected columns id, subject, label, found no {' and no '.join(missing)}; add it."
            )
        id, subject, word = (str(named[key]) for key in _COLUMNS)
        id, subject = _whole(id), _whole(subject)
        if word.lower() not in _WORDS:
            raise UsageError(
                f"{path}, line {number}: expected win or loss (or nothing) as label, found {word!r}; "
                "correct it."
            )
        if not id or not subject:
            raise UsageError(f"{path}, line {number}: expected an id and a subject, found none; add it.")
        first, line = written.setdefault(id.lstrip("0") if id.isdecimal() else id, (id, number))
        if first != id:
            raise UsageError(
                f"{path}, line {number}: expected one way to write video {first} of line {line}, found {id}; "
                "write both alike."
            )
        label = Label(subject, _WORDS[word.lower()], row.get("text") or None)
        if found.setdefault(id, label) != label:
            raise UsageError(
                f"{path}, line {number}: expected one subject and result for video {id}, found "
                f"{label.subject} with {word!r} after another; correct the file."
            )
    if not found:
        raise UsageError(f"{path}: expected a header and a line a video, found none; fill it in.")
    return found


def rows(path: str | Path) -> Iterable[tuple[int, dict[str, str]]]:
    """Line number and cells by column name; cells are stripped. UsageError when it cannot be read."""
    try:
        with Path(path).open(newline="", encoding="utf-8-sig") as stream:
            separator = _separator(stream.readline())
            stream.seek(0)
            reader = csv.DictReader(stream, skipinitialspace=True, delimiter=separator)
            for row in reader:
                yield (
                    reader.line_num,
                    {k.strip().lower(): (v or "").strip() for k, v in row.items() if k is not None},
                )
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(
            f"{path}: expected a CSV file of labels, found none ({_line(error)}); give one."
        ) from error


def _separator(header: str) -> str:
    """The delimiter of a file with this header: the most frequent of comma, semicolon and tab."""
    return max(",;\t", key=header.count)


def _whole(cell: str) -> str:
    """A number as a spreadsheet may have saved it: 9.0 is 9."""
    return re.sub(r"\A(\d+)\.0+\Z", r"\1", cell)


def check_known(labels: Iterable[str], videos: Iterable[str], source: str | Path) -> None:
    """Raises UsageError for labels of unknown videos, listing them."""
    unknown = sorted(set(labels) - set(videos))
    if unknown:
        raise UsageError(
            f"{source}: expected a recording for every labelled video, found none for {len(unknown)} "
            f"({listed(unknown)}); add these recordings, or import what is there with --partial."
        )


def of(labels: dict[str, Label], id: str) -> tuple[Label, str]:
    """The label of a video, and a note; without a label, an unknown subject with an unknown result."""
    if id in labels:
        return labels[id], ""
    return Label(f"{STRANGER}{id}", None), "not in the label file"


STRANGER = "unknown-"


def _line(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _first(row: dict[str, str], names: Iterable[str]) -> str | None:
    return next((row[name] for name in names if name in row), None)
