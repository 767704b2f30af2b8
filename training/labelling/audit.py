"""A labeller's answers as a CSV sheet for a person to review and correct.

One row per video: the verdict, an empty ``corrected`` and ``note``, then confidences, the reason for a
missing answer, evidence, reflection and action units. Corrections are win, loss or drop in ``corrected``.
Rewriting the sheet preserves both columns. Reading accepts the changes that spreadsheet programs make: a byte
order mark, semicolons, decimal commas, ids without their leading zeros.
"""

import csv
import io
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from stream.describing.labellers.answer import ActionUnit, Answer, Verdict
from stream.errors import UsageError
from stream.files import replace_with

AUDIT = "audit.csv"
SEEN = ("evidence_win", "evidence_loss", "reflection", "action_units")
NEEDED = ("id", "label", "corrected", "note", "confidence_win", "confidence_loss")
COLUMNS = (*NEEDED, "failed", *SEEN)
NAMES = {1: "win", 0: "loss", None: ""}
FORMULA = ("=", "+", "-", "@")  # a spreadsheet would evaluate a text that starts with these

Correction = Literal["win", "loss", "drop"]
WORDS: dict[str, Correction] = {
    **dict.fromkeys(("win", "won", "w", "1"), "win"),
    **dict.fromkeys(("loss", "lose", "lost", "l", "0"), "loss"),
    **dict.fromkeys(("drop", "unknown", "none", "?"), "drop"),
}
WINS: dict[Correction, float | None] = {"win": 1.0, "loss": 0.0, "drop": None}


@dataclass(frozen=True, slots=True)
class Row:
    """One video of the sheet."""

    id: str
    line: int  # of the file
    verdict: Verdict | None  # None if the answer failed
    corrected: Correction | None
    note: str
    cells: Mapping[str, str]  # as in the file

    @property
    def labelled_win(self) -> float | None:
        """The labeller's probability of win, 0..1; None without an answer."""
        return self.verdict.win if self.verdict else None

    @property
    def win(self) -> float | None:
        """The corrected probability of win; None for a video that is dropped or has no answer."""
        return WINS[self.corrected] if self.corrected else self.labelled_win


def write(
    path: Path, answers: Mapping[str, Answer | Verdict | None], reasons: Mapping[str, str] = {}
) -> None:
    """Write the sheet; None is a missing answer, with its reason from ``reasons``. Corrections and notes of
    an existing sheet are preserved.

    Rows with a correction or a note stay even if ``answers`` has no such video. Raises UsageError, and writes
    nothing, if the existing sheet is unreadable.
    """
    before = matched(read(path), answers) if path.exists() else {}
    stream = io.StringIO()
    sheet = csv.DictWriter(stream, COLUMNS)
    sheet.writeheader()
    for id, answer in answers.items():
        old = before.pop(id, None)
        cells = _cells(id, answer) | {"failed": _escaped(reasons.get(id, ""))}
        sheet.writerow(cells | ({"corrected": old.corrected or "", "note": old.note} if old else {}))
    sheet.writerows(row.cells for row in before.values() if row.corrected or row.note)
    replace_with(path, stream.getvalue().encode("utf-8-sig"))


def read(path: Path) -> dict[str, Row]:
    """Rows by id. Raises UsageError for a file that is no audit sheet, and for the first malformed line."""
    found: dict[str, Row] = {}
    for line, cells in _table(path):
        where, id = f"{path}, line {line}", cells.get("id", "")
        if not id or id in found:
            raise UsageError(f"{where}: expected an id of its own, found {id!r}; correct it.")
        word = cells["corrected"].casefold()
        if word and word not in WORDS:
            raise UsageError(
                f"{where}: expected win, loss, drop or nothing as corrected, found {cells['corrected']!r}; "
                "correct it."
            )
        corrected, note = WORDS.get(word), cells.get("note", "")
        found[id] = Row(id, line, _verdict(cells, where), corrected, note, _known(cells))
    return found


def matched(rows: Mapping[str, Row], known: Collection[str]) -> dict[str, Row]:
    """Rows by ``known`` ids: "1" matches "0001" unless another id is the same number."""
    short: dict[str, list[str]] = {}
    for id in known:
        short.setdefault(id.lstrip("0"), []).append(id)
    found = {}
    for id, row in rows.items():
        candidates = [id] if id in known else short.get(id.lstrip("0"), [])
        found[candidates[0] if len(candidates) == 1 else id] = row
    return found


def _cells(id: str, answer: Answer | Verdict | None) -> dict[str, str]:
    if answer is None:
        return {"id": id}
    cells = {"id": id, "label": NAMES[answer.label]}
    cells |= {name: f"{getattr(answer, name):g}" for name in ("confidence_win", "confidence_loss")}
    if isinstance(answer, Answer):
        texts = {name: getattr(answer, name) for name in SEEN[:3]} | {
            "action_units": map(_unit, answer.action_units)
        }
        cells |= {name: _escaped("\n".join(pieces)) for name, pieces in texts.items()}
    return cells


def _unit(unit: ActionUnit) -> str:
    end = "" if unit.end_s is None else f"–{unit.end_s:g}"
    return f"{unit.start_s:g}{end} s: {unit.code} {unit.name} ({unit.emotion})"


def _escaped(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA) else text


def _table(path: Path) -> Iterable[tuple[int, dict[str, str]]]:
    """Line number and stripped cells by column; the header determines the delimiter."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        header = text.split("\n", 1)[0]
        delimiter = max(",;\t", key=header.count)
        reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, restval="")
        rows = [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(
            f"{path}: expected an audit sheet, found none that reads ({_line(error)}); give one."
        ) from error
    missing = [name for name in NEEDED if name not in (reader.fieldnames or ())]
    if missing:
        raise UsageError(f"{path}: expected columns {', '.join(NEEDED)}, found no {missing[0]}; add it.")
    for line, row in rows:
        if any(value for value in row.values()):
            yield line, {name: value.strip() for name, value in row.items() if name is not None}


def _line(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _known(cells: Mapping[str, str]) -> dict[str, str]:
    return {name: cells.get(name, "") for name in COLUMNS}


def _verdict(cells: Mapping[str, str], where: str) -> Verdict | None:
    texts = {name: cells[name].replace(",", ".") for name in ("confidence_win", "confidence_loss")}
    if not any(texts.values()):
        return None
    try:
        return Verdict(**{name: float(value) for name, value in texts.items()})
    except (ValueError, ValidationError) as error:
        given = " and ".join(map(repr, texts.values()))
        raise UsageError(
            f"{where}: expected both confidences as numbers 0..100, found {given}; correct them."
        ) from error
