"""Label files: which video shows whom, after a win or a loss."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from stream.errors import UsageError
from training.corpus.index import listed

# Our own names first, then those of the Oulu release, whose rows are gestures: a video has many.
_COLUMNS = {"id": ("id", "video_id"), "subject": ("subject", "subject_id"), "label": ("label", "win_or_lose")}
_WORDS = {"win": 1, "won": 1, "1": 1, "lose": 0, "loss": 0, "lost": 0, "0": 0, "": None}


@dataclass(frozen=True, slots=True)
class Label:
    """What a label file says of one video."""

    subject: str
    label: int | None  # 1 win, 0 loss, None unknown
    text: str | None = None


def read(path: str | Path) -> dict[str, Label]:
    """Labels by video id, from a CSV file with a header: id, subject, label and perhaps text.

    The Oulu names video_id, subject_id and win_or_lose do as well. UsageError for a missing file or column,
    an unknown result, and a video of two subjects or results.
    """
    found: dict[str, Label] = {}
    for number, row in rows(path):
        named = {key: _first(row, names) for key, names in _COLUMNS.items()}
        missing = [names[0] for key, names in _COLUMNS.items() if named[key] is None]
        if missing:
            raise UsageError(
                f"{path}: expected columns id, subject, label, found no {' and no '.join(missing)}; add it."
            )
        id, subject, word = (str(named[key]) for key in _COLUMNS)
        if word.lower() not in _WORDS:
            raise UsageError(
                f"{path}, line {number}: expected win or loss (or nothing) as label, found {word!r}; "
                "correct it."
            )
        if not id or not subject:
            raise UsageError(f"{path}, line {number}: expected an id and a subject, found none; add it.")
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
            reader = csv.DictReader(stream, skipinitialspace=True)
            for row in reader:
                yield reader.line_num, {k.strip(): (v or "").strip() for k, v in row.items() if k is not None}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(
            f"{path}: expected a CSV file of labels, found none ({_line(error)}); give one."
        ) from error


def check_known(labels: Iterable[str], videos: Iterable[str], source: str | Path) -> None:
    """UsageError when the labels name a video that is not there, with a list of these."""
    unknown = sorted(set(labels) - set(videos))
    if unknown:
        raise UsageError(
            f"{source}: expected a recording for every labelled video, found none for {len(unknown)} "
            f"({listed(unknown)}); add these recordings, or import what is there with --partial."
        )


def of(labels: dict[str, Label], id: str) -> tuple[Label, str]:
    """The label of a video and a note; one without label is a stranger whose result is unknown."""
    if id in labels:
        return labels[id], ""
    return Label(f"{STRANGER}{id}", None), "not in the label file"


STRANGER = "unknown-"


def _line(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _first(row: dict[str, str], names: Iterable[str]) -> str | None:
    return next((row[name] for name in names if name in row), None)
