"""Calibration of the running confidence: predictions every second, as a viewer reads them.

The final prediction of a video does not show how reliable the confidence is before. Here every held-out
person is predicted after every second, by valid seconds (those with a person in view), in each mode of a
run.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from pathlib import Path

import numpy as np

from stream.files import replacing
from training.data.prepared import Prepared
from training.evaluation import plots, predictions
from training.evaluation.intervals import Interval, bootstrap
from training.evaluation.metrics import Values, calibration_error
from training.evaluation.predictions import Prediction, columns
from training.evaluation.reliability import diagram
from training.studies.panel import Panel, chunks

EDGES_S = (0.0, 5.0, 10.0, 30.0, 60.0, np.inf)  # of valid seconds, between the rows of the table
FIGURES = ("ece", "sharpness", "sure", "sure_wrong")
SURE = 0.98  # a confidence beyond it, for either side, counts as sure


@dataclass(frozen=True, slots=True)
class Row:
    """Predictions of one mode in a range of valid seconds; intervals are over people."""

    mode: str
    valid_s: str  # "5 to 10"
    people: int
    statements: int
    ece: Interval  # expected calibration error, ten bins of equal width
    sharpness: Interval  # mean distance of the confidence from 0.5, 0..0.5
    sure: Interval  # share of predictions beyond ``SURE``
    sure_wrong: Interval  # share of these that are wrong; undefined without any


def measure(
    panels: Mapping[str, Panel],
    people: Iterable[Prepared],
    out: Path,
    *,
    every_s: float = 1.0,
    resamples: int = 1000,
) -> list[Row]:
    """Predict for ``people`` after every ``every_s`` seconds with the panel of each mode.

    Writes ``live.csv``, ``live.md`` and for each mode ``live-MODE.jsonl`` and ``live-MODE.png`` (reliability,
    with the number of predictions per confidence below it) into ``out``. Returns the rows of the table.
    """
    results: dict[str, list[Prediction]] = {mode: [] for mode in panels}
    for chunk in chunks(people):
        longest = max(p.ticks for p in chunk) / next(iter(panels.values())).recipe.window.rate
        moments = [every_s * (k + 1) for k in range(int(longest / every_s + 1e-9))]
        for mode, panel in panels.items():
            results[mode] += panel.moments(chunk, moments, valid=True)
    rows = []
    for mode, statements in results.items():
        parts = dict(_by_valid_seconds(statements))
        rows += [_row(mode, name, part, resamples) for name, part in parts.items()]
        predictions.write(out / f"live-{mode}.jsonl", statements)
        bins = {f"{name} s": diagram(*columns(part)[:2]) for name, part in parts.items()}
        plots.reliability(
            out / f"live-{mode}.png", bins, f"Every {every_s:g} s, {mode} mode", counted="statements"
        )
    _write(out, rows)
    return rows


def _by_valid_seconds(statements: Sequence[Prediction]) -> Iterator[tuple[str, list[Prediction]]]:
    for low, high in pairwise(EDGES_S):
        inside = [p for p in statements if low < p.seconds <= high]
        if inside:
            yield f"over {low:g}" if high == np.inf else f"{low:g} to {high:g}", inside


def _row(mode: str, name: str, part: Sequence[Prediction], resamples: int) -> Row:
    figures = bootstrap(
        part,
        {"ece": calibration_error, "sharpness": sharpness, "sure": sure, "sure_wrong": sure_wrong},
        resamples=resamples,
    )
    people = len({p.subject for p in part})
    return Row(mode, name, people, len(part), **figures)


def sharpness(win: Values, label: Values) -> float:
    """Mean distance of the confidences [N] from 0.5."""
    return float(np.abs(win - 0.5).mean()) if len(win) else float("nan")


def sure(win: Values, label: Values) -> float:
    """Share of the confidences [N] beyond ``SURE`` for either side."""
    return float(_beyond(win).mean()) if len(win) else float("nan")


def sure_wrong(win: Values, label: Values) -> float:
    """Share of those beyond ``SURE`` that are on the wrong side; NaN without any."""
    beyond = _beyond(win)
    return float(((win > 0.5) != (label == 1))[beyond].mean()) if beyond.any() else float("nan")


def _beyond(win: Values) -> np.ndarray:
    return np.maximum(win, 1 - win) > SURE


def markdown(rows: Sequence[Row]) -> str:
    """The table as Markdown."""
    head = [
        "mode",
        "valid seconds",
        "people",
        "statements",
        "ECE",
        "sharpness",
        f"beyond {SURE:g}",
        "of these wrong",
    ]
    lines = [" | ".join(head), " | ".join("---" for _ in head)]
    for row in rows:
        cells = [row.mode, row.valid_s, str(row.people), str(row.statements)]
        cells += [_cell(figure) for figure in (row.ece, row.sharpness, row.sure, row.sure_wrong)]
        lines.append(" | ".join(cells))
    return "\n".join(f"| {line} |" for line in lines) + "\n"


def _cell(figure: Interval) -> str:
    if np.isnan(figure.value):
        return "undefined"
    bounds = "" if np.isnan(figure.low) else f" [{figure.low:.3f}, {figure.high:.3f}]"
    return f"{figure.value:.3f}{bounds}"


def _write(out: Path, rows: Sequence[Row]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    with replacing(out / "live.md") as part:
        part.write_text(markdown(rows))
    with replacing(out / "live.csv") as part, part.open("w", newline="") as file:
        table = csv.writer(file)
        names = [each.name for each in fields(Row)]
        split = [[f"{n}", f"{n}_low", f"{n}_high"] if n in FIGURES else [n] for n in names]
        table.writerow([name for group in split for name in group])
        for row in rows:
            values = [getattr(row, name) for name in names]
            spread = [[v.value, v.low, v.high] if isinstance(v, Interval) else [v] for v in values]
            table.writerow([value for group in spread for value in group])
