"""A labeller's results as training reads them: ``labels.jsonl`` and a person's corrections.

    {"id": "0001", "win": 0.8, "text": "Evidence: …"}     one line per video, null if the answer failed;
                                                          texts in the paper's form have "form": "paper"

The audit file beside it (``audit.py``) has the same verdicts for a person to review; its corrections take
precedence. They change the verdict only, never the text.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from stream.bundle.manifest import TextForm as Form
from stream.errors import UsageError
from stream.files import replace_with
from training.corpus.recording import Recording
from training.labelling import audit

LABELS = "labels.jsonl"


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line: a video's probability of win, 0..1, and its description."""

    id: str
    win: float | None
    text: str | msgspec.UnsetType | None = msgspec.UNSET
    form: Form = "guarded"  # of the text


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """Probabilities of win, and descriptions that replace the corpus' own, by video id."""

    wins: Mapping[str, float] = field(default_factory=dict)  # a video without an entry gets no pseudo-label
    # None if no line has a text: then the corpus keeps its own. Otherwise a video without a text has none, so
    # that the labeller's texts are not mixed with others.
    texts: Mapping[str, str | None] | None = None
    form: Form = "guarded"  # of all texts

    @property
    def ids(self) -> set[str]:
        return {*self.wins, *(self.texts or {})}

    def described(self, recording: Recording, id: str) -> Recording:
        """The recording with the labeller's text, or unchanged if the labeller gave no texts."""
        return recording if self.texts is None else replace(recording, text=self.texts.get(id))

    @property
    def wins_sha256(self) -> str:
        """Hash of the content, so equal labels in another file have the same hash. Empty without labels."""
        return _sha256(sorted(self.wins.items())) if self.wins else ""

    @property
    def texts_sha256(self) -> str:
        """Hash of the content; empty if the corpus keeps its own texts."""
        return "" if self.texts is None else _sha256(sorted(self.texts.items()))


def write(path: Path, lines: Iterable[Line]) -> None:
    """Write ``labels.jsonl``, atomically."""
    replace_with(path, b"".join(msgspec.json.encode(line) + b"\n" for line in lines))


def read(path: Path, *, corrected: bool = True) -> Labels:
    """Labels from ``labels.jsonl``, ``audit.csv`` or a folder with both, with corrections unless
    ``corrected`` is False.

    Each of the two files is read together with the other; a file of another name is read alone, and a sheet
    alone has verdicts without texts. Raises UsageError for an unreadable file, naming a malformed line.
    """
    file, sheet = _files(path)
    lines = _lines(file) if file else {}
    rows = audit.matched(audit.read(sheet), lines) if sheet else {}
    wins = {id: line.win for id, line in lines.items()}
    if not file:
        wins = {id: row.labelled_win for id, row in rows.items()}
    if corrected:
        wins |= {id: row.win for id, row in rows.items() if row.corrected}
    texts = {id: line.text for id, line in lines.items() if line.text is not msgspec.UNSET}
    forms = {line.form for line in lines.values() if line.text} or {"guarded"}
    if len(forms) > 1:
        raise UsageError(
            f"{file}: expected texts of one form, found guarded ones and the paper's; "
            "run `label` again with one --text."
        )
    return Labels({id: win for id, win in wins.items() if win is not None}, texts or None, *forms)


def _files(path: Path) -> tuple[Path | None, Path | None]:
    """The lines file and the sheet that belong together; at least one."""
    if not path.exists():
        raise UsageError(
            f"{path}: expected a labeller's folder, its {LABELS} or {audit.AUDIT}, found nothing there; "
            "check the path."
        )
    if path.suffix == ".csv":
        beside = path.with_name(LABELS)
        return (beside if path.name == audit.AUDIT and beside.exists() else None), path
    lines, sheet = (
        (path / LABELS, path / audit.AUDIT) if path.is_dir() else (path, path.with_name(audit.AUDIT))
    )
    if path.is_dir() and not lines.exists():
        if not sheet.exists():
            raise UsageError(
                f"{path}: expected {LABELS} or {audit.AUDIT}, found neither; give another folder."
            )
        return None, sheet
    return lines, sheet if lines.name == LABELS and sheet.exists() else None


def _lines(path: Path) -> dict[str, Line]:
    found: dict[str, Line] = {}
    try:
        lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{path}: expected JSON lines with id and win, found no readable file; give another."
        ) from error
    for number, text in enumerate(lines if lines != [""] else [], 1):
        try:
            line = msgspec.json.decode(text, type=Line)
        except msgspec.MsgspecError as error:
            raise UsageError(
                f"{path}:{number}: expected JSON with id and win, found {text[:60]!r} ({error}); correct it."
            ) from error
        if (line.win is not None and not 0 <= line.win <= 1) or line.id in found:
            raise UsageError(
                f"{path}:{number}: expected one win in 0..1 a video, found {line.win} for {line.id}; "
                "correct it."
            )
        found[line.id] = line
    return found


def _sha256(content: object) -> str:
    return hashlib.sha256(msgspec.json.encode(content)).hexdigest()
