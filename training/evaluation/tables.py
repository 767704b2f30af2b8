"""Tables of variants, as Markdown and CSV; each ends with the baseline that always predicts win."""

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from stream.errors import UsageError
from training.evaluation.intervals import LEVEL, RESAMPLES, Interval, over_seeds_and_subjects
from training.evaluation.metrics import METRICS, OF_PROBABILITY
from training.evaluation.predictions import Prediction

TITLES = {
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "auroc": "AUROC",
    "f1": "F1 of win",
    "macro_f1": "Macro F1",
    "calibration_error": "ECE",
    "calibration_error_equal_mass": "ECE, equal mass",
    "log_loss": "Log loss, nats",
    "brier": "Brier",
}
PERCENT = ("accuracy", "balanced_accuracy", "f1", "macro_f1")
SHORT = ("accuracy", "balanced_accuracy", "auroc", "f1", "calibration_error")
ALWAYS_WIN = "always win"
SIMULATED = "**simulated**: made-up people; these figures say nothing of real ones."
SHARED = "`subject_disjoint: false`: people in the test part are in the training part as well."


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One variant."""

    name: str
    n: int  # test videos
    figures: Mapping[str, Interval]  # inductive: test videos never seen, not even without labels
    transductive: Mapping[str, Interval] | None = None  # the test videos were in training, unlabelled
    note: str = ""


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """Variants on one test set; ``table`` builds it."""

    title: str
    rows: tuple[Row, ...]  # the last one is the baseline that always predicts win
    subject_disjoint: bool
    simulated: bool


def row(
    name: str,
    seeds: Sequence[Sequence[Prediction]],
    transductive: Sequence[Sequence[Prediction]] | None = None,
    *,
    note: str = "",
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Row:
    """Every metric of a variant, mean over its training seeds, with intervals over seeds and people."""
    return Row(
        name=name,
        n=len(seeds[0]),
        figures=_figures(seeds, METRICS, resamples, seed),
        transductive=_figures(transductive, METRICS, resamples, seed) if transductive else None,
        note=note,
    )


def transductive_row(
    name: str, seeds: Sequence[Sequence[Prediction]], *, note: str = "", resamples: int = RESAMPLES
) -> Row:
    """A row with figures in the transductive columns only."""
    inductive = row(name, seeds, note=note, resamples=resamples)
    empty = dict.fromkeys(inductive.figures, Interval())
    return msgspec.structs.replace(inductive, figures=empty, transductive=inductive.figures)


def table(
    title: str,
    rows: Sequence[Row],
    test: Sequence[Prediction],
    *,
    subject_disjoint: bool,
    simulated: bool,
    prior: float | None = None,
    resamples: int = RESAMPLES,
) -> Table:
    """Rows, followed by the baseline that always predicts win.

    ``test``: predictions for the test videos by any variant, of which only labels and subjects are read.
    ``prior``: the share of wins in training, which is the confidence of "always win"; without it that row has
    no metrics of probability. Raises UsageError for a row with another number of videos than the baseline.
    """
    for r in rows:
        if r.n != len(test):
            raise UsageError(
                f"{r.name}: expected figures of the {len(test)} test videos, found {r.n}; predict them all "
                "or give the row a table of its own."
            )
    decided = [name for name in METRICS if name not in OF_PROBABILITY]
    certain = [msgspec.structs.replace(p, win=1.0) for p in test]
    figures = _figures([certain], decided, resamples, seed=0)
    if prior is not None:  # the prediction is win for any prior, which only sets its confidence
        confident = [msgspec.structs.replace(p, win=prior) for p in test]
        figures |= _figures([confident], OF_PROBABILITY, resamples, seed=0)
    both = any(r.transductive is not None for r in rows)
    note = "" if prior is None else f"confidence {prior:.3g}"
    baseline = Row(
        name=ALWAYS_WIN, n=len(test), figures=figures, transductive=figures if both else None, note=note
    )
    return Table(title=title, rows=(*rows, baseline), subject_disjoint=subject_disjoint, simulated=simulated)


def markdown(table: Table, metrics: Sequence[str] = SHORT) -> str:
    """The table below its labels; with inductive and transductive columns side by side if there are both."""
    columns = _columns(table, metrics)
    head = ["", *(_title(name, which, table) for name, which in columns), "n", "note"]
    lines = [f"### {table.title}", ""]
    lines += [f"{label}\n" for label in _labels(table)]
    lines += [
        f"{LEVEL:.0%} intervals in brackets.\n",
        _line(head),
        _line(["---", *["---:"] * (len(head) - 2), "---"]),
    ]
    for r in table.rows:
        cells = [_cell(name, _figure(r, name, which)) for name, which in columns]
        lines.append(_line([r.name, *cells, str(r.n), r.note]))
    return "\n".join(lines) + "\n"


def to_csv(table: Table, metrics: Sequence[str] = tuple(METRICS)) -> str:
    """The same as comma-separated values, unrounded; an undefined figure is an empty cell."""
    columns = _columns(table, metrics)
    names = [name if which == "figures" else f"{which}_{name}" for name, which in columns]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    heads = [f"{name}{end}" for name in names for end in ("", "_low", "_high")]
    writer.writerow(["name", *heads, "n", "subject_disjoint", "simulated", "note"])
    for r in table.rows:
        figures = [_figure(r, name, which) for name, which in columns]
        cells = ["" if math.isnan(x) else repr(x) for i in figures for x in (i.value, i.low, i.high)]
        flags = [str(flag).lower() for flag in (table.subject_disjoint, table.simulated)]
        writer.writerow([r.name, *cells, r.n, *flags, r.note])
    return out.getvalue()


def write(folder: Path, name: str, table: Table, metrics: Sequence[str] = SHORT) -> None:
    """Write ``name``.md with the ``metrics`` and ``name``.csv with all metrics into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.md").write_text(markdown(table, metrics))
    (folder / f"{name}.csv").write_text(to_csv(table))


def _figures(
    seeds: Sequence[Sequence[Prediction]], names: Iterable[str], resamples: int, seed: int
) -> dict[str, Interval]:
    return {
        name: over_seeds_and_subjects(seeds, METRICS[name], resamples=resamples, seed=seed) for name in names
    }


def _columns(table: Table, metrics: Sequence[str]) -> list[tuple[str, str]]:
    """Metric and field of ``Row`` of every column."""
    both = any(r.transductive is not None for r in table.rows)
    return [(name, which) for name in metrics for which in ("figures", "transductive")[: 1 + both]]


def _figure(row: Row, name: str, which: str) -> Interval:
    figures: Mapping[str, Interval] = getattr(row, which) or {}
    return figures.get(name, Interval())


def _title(name: str, which: str, table: Table) -> str:
    title = TITLES.get(name, name)
    if all(r.transductive is None for r in table.rows):
        return title
    return f"{title}, {'inductive' if which == 'figures' else 'transductive'}"


def _labels(table: Table) -> list[str]:
    return [SIMULATED] * table.simulated + [SHARED] * (not table.subject_disjoint)


def _cell(name: str, figure: Interval) -> str:
    def shown(x: float) -> str:
        return f"{100 * x:.1f}" if name in PERCENT else f"{x:.3f}"

    if math.isnan(figure.value):
        return "–"
    unit = " %" if name in PERCENT else ""
    bounds = "" if math.isnan(figure.low) else f" [{shown(figure.low)}, {shown(figure.high)}]"
    return f"{shown(figure.value)}{unit}{bounds}"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
