"""A run's report on people it never met: predictions, tables, reliability, the anytime curve."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from training.data.prepared import Prepared
from training.evaluation import anytime, plots, predictions, tables
from training.evaluation.intervals import Interval, bootstrap
from training.evaluation.metrics import METRICS, balanced_accuracy
from training.evaluation.predictions import Prediction, columns
from training.evaluation.prior import quantile_threshold
from training.evaluation.reliability import diagram
from training.studies.panel import Panel, ceiling, chunks, whole

CURVE = "balanced_accuracy"


@dataclass(frozen=True, slots=True, eq=False)
class Test:
    """What is reported on, and how the report is headed."""

    title: str
    subject_disjoint: bool
    simulated: bool
    training_prior: float | None = None  # share of wins among the training labels
    seconds: Sequence[float] = ()  # of the anytime curve
    quantile: float | None = None  # share of wins that the quantile threshold assumes
    transductive: bool = False  # the run had these people in training, without their labels
    resamples: int = 1000


def evaluate(panel: Panel, people: Iterable[Prepared], test: Test, out: Path) -> dict[str, Interval]:
    """Write ``predictions.jsonl``, ``table.md``, ``table.csv``, ``reliability.png`` and, where seconds are
    asked for, ``anytime.jsonl`` and ``anytime.png``; returns the figures with their intervals."""
    out.mkdir(parents=True, exist_ok=True)
    found: list[Prediction] = []
    watched: list[Prediction] = []
    best: list[Prediction] = []
    known = test.simulated and bool(test.seconds)
    for chunk in chunks(people):  # once through, however many there are
        found += panel.judge(chunk, whole)
        watched += panel.moments(chunk, test.seconds)
        best += ceiling(chunk, test.seconds) if known else []
    predictions.write(out / "predictions.jsonl", found)
    row = tables.transductive_row if test.transductive else tables.row
    rows = [row("fused", [found], resamples=test.resamples)]
    if test.quantile is not None:
        rows.append(_by_quantile(found, test.quantile, test.resamples))
    table = tables.table(
        test.title,
        rows,
        found,
        subject_disjoint=test.subject_disjoint,
        simulated=test.simulated,
        prior=test.training_prior,
        resamples=test.resamples,
    )
    tables.write(out, "table", table)
    said = columns(found)
    plots.reliability(out / "reliability.png", {"fused": diagram(said.win, said.label)})
    if watched:
        predictions.write(out / "anytime.jsonl", watched)
        draw_anytime(out / "anytime.png", {"fused": watched}, best, test.resamples)
    return dict(rows[0].transductive or rows[0].figures)


def draw_anytime(
    path: Path, lines: dict[str, list[Prediction]], best: list[Prediction], resamples: int
) -> None:
    """Balanced accuracy against seconds watched, with the ceiling of made-up people dashed."""
    curves = {
        name: anytime.curve(said, balanced_accuracy, resamples=resamples) for name, said in lines.items()
    }
    dashed = anytime.curve(best, balanced_accuracy, resamples=resamples) if best else None
    plots.anytime(path, curves, "balanced accuracy", ceiling=dashed)


def _by_quantile(found: Sequence[Prediction], share: float, resamples: int) -> tables.Row:
    """The same confidences with the cut at their own quantile; transductive by nature."""
    answers = quantile_threshold(np.array([p.win for p in found]), share)
    cut = [msgspec.structs.replace(p, win=float(a)) for p, a in zip(found, answers, strict=True)]
    said = {name: METRICS[name] for name in ("accuracy", "balanced_accuracy", "f1", "macro_f1")}
    figures = bootstrap(cut, said, resamples=resamples)
    return tables.Row(
        name="fused, quantile threshold",
        n=len(found),
        figures=dict.fromkeys(METRICS, Interval()),
        transductive=dict.fromkeys(METRICS, Interval()) | figures,
        note=f"the surest {share:.0%} are called wins",
    )
