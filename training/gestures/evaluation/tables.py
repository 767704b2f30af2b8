"""Tables of gesture variants; none without the line of who always answers "illustrative"."""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from stream.files import replace_with
from training.corpus.gestures import ILLUSTRATIVE
from training.evaluation.intervals import Interval
from training.gestures.evaluation.metrics import NAMES, Frequency, intervals
from training.gestures.evaluation.predictions import ClipPredictions, always

TITLES = {
    "top1": "Top-1",
    "top5": "Top-5",
    "macro_f1": "Macro-F1",
    "mean_recall": "Mean recall",
    "head": "Head recall",
    "middle": "Middle recall",
    "tail": "Tail recall",
    "nll": "NLL, nats",
    "ece": "ECE",
}
PLAIN = ("nll", "ece")  # not in per cent
ALWAYS = "always illustrative"
SIMULATED = "**made-up people**: these figures say nothing of real ones, nor of iMiGUE."
# Track 1 of the MiGA challenge, top-1 as its authors claim it, on data that is not here.
PUBLISHED = (
    ("ST-GCN (2021)", "46.97"),
    ("TSM (2021)", "61.10"),
    ("HFUT-VUT, PoseC3D (2023)", "64.12"),
    ("HFUT (2024)", "70.25"),
    ("skeleton only, PoseC3D (2025)", "67.01"),
    ("MM-Gesture (2025)", "73.21"),
    ("second source paper (2026), called F1", "68.13"),
    ("XInsight (2026)", "74.42"),
)


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One variant."""

    name: str
    figures: Mapping[str, Interval]
    transductive: Mapping[str, Interval] | None = None  # the test clips were a pool of pseudo-labels
    note: str = ""


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """Variants on the same test clips; ``table`` builds it."""

    title: str
    rows: tuple[Row, ...]  # the last one always answers illustrative
    clips: int
    subjects: int
    simulated: bool


def table(
    title: str,
    rows: Sequence[Row],
    test: ClipPredictions,
    groups: Frequency,
    *,
    simulated: bool,
    resamples: int = 2000,
) -> Table:
    """The rows above the line of who always answers illustrative, on the test clips whose class is known."""
    known = test.known()
    baseline = intervals([always(known, ILLUSTRATIVE)], groups, resamples=resamples)
    # What the baseline is sure of is an artefact of how it is written down.
    figures = {name: baseline[name] for name in NAMES if name not in (*PLAIN, "top5")}
    both = any(r.transductive is not None for r in rows)
    last = Row(name=ALWAYS, figures=figures, transductive=figures if both else None)
    return Table(
        title=title,
        rows=(*rows, last),
        clips=len(known.ids),
        subjects=len(set(known.subjects)),
        simulated=simulated,
    )


def markdown(table: Table) -> str:
    """The table, what it is of, and the published field beside it."""
    both = any(r.transductive is not None for r in table.rows)
    sides = ("inductive", "transductive") if both else ("",)
    heads = [f"{TITLES[name]}{', ' + side if side else ''}" for name in NAMES for side in sides]
    lines = [f"### {table.title}", ""]
    if table.simulated:
        lines += [SIMULATED, ""]
    lines += [
        f"{table.clips} clips of {table.subjects} subjects; 95 % intervals by subject in brackets.",
        "",
        _line(["", *heads, "note"]),
        _line(["---", *["---:"] * len(heads), "---"]),
    ]
    for row in table.rows:
        cells = [
            _cell(name, ((row.transductive or {}) if side == "transductive" else row.figures).get(name))
            for name in NAMES
            for side in sides
        ]
        lines.append(_line([row.name, *cells, row.note]))
    lines += ["", "What others claim for Track 1 on iMiGUE, top-1 in per cent, on data that is not here: "]
    lines[-1] += "; ".join(f"{name} {value}" for name, value in PUBLISHED) + "."
    return "\n".join(lines) + "\n"


def to_csv(table: Table) -> str:
    """The same unrounded; an undefined figure is an empty cell."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    heads = [f"{name}{end}" for name in NAMES for end in ("", "_low", "_high")]
    writer.writerow(["name", "setting", *heads, "clips", "subjects", "simulated", "note"])
    for row in table.rows:
        for setting, figures in (("inductive", row.figures), ("transductive", row.transductive)):
            if figures is None:
                continue
            found = [figures.get(name, Interval()) for name in NAMES]
            cells = ["" if math.isnan(x) else repr(x) for i in found for x in (i.value, i.low, i.high)]
            simulated = str(table.simulated).lower()
            writer.writerow([row.name, setting, *cells, table.clips, table.subjects, simulated, row.note])
    return out.getvalue()


def write(folder: Path, name: str, table: Table) -> None:
    """``name``.md and ``name``.csv in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    replace_with(folder / f"{name}.md", markdown(table))
    replace_with(folder / f"{name}.csv", to_csv(table))


def difference(figures: Mapping[str, Interval], name: str = "macro_f1") -> str:
    """A difference in points with its interval, for a note."""
    found = figures[name]
    value, low, high = (f"{100 * x:+.1f}" for x in (found.value, found.low, found.high))
    return f"{value} [{low}, {high}]"


def _cell(name: str, figure: Interval | None) -> str:
    if figure is None or math.isnan(figure.value):
        return "–"
    scale, form = (1, ".3f") if name in PLAIN else (100, ".1f")
    bounds = "" if math.isnan(figure.low) else f" [{scale * figure.low:{form}}, {scale * figure.high:{form}}]"
    return f"{scale * figure.value:{form}}{bounds}"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
