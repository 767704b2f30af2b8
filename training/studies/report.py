"""A run's report on held-out people: predictions, tables, reliability, the anytime curve."""

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
    """The test set of a report, and the report's options."""

    title: str
    subject_disjoint: bool
    simulated: bool
    training_prior: float | None = None  # share of wins in the training labels
    seconds: Sequence[float] = ()  # of the anytime curve
    quantile: float | None = None  # share of wins that the quantile threshold assumes
    transductive: bool = False  # the run had these people in training, without their labels
    resamples: int = 1000


def evaluate(panel: Panel, people: Iterable[Prepared], test: Test, out: Path) -> dict[str, Interval]:
    """Write ``predictions.jsonl``, ``table.md``, ``table.csv``, ``reliability.png`` and, if ``test.seconds``
    is given, ``anytime.jsonl`` and ``anytime.png``; returns the metrics with their intervals."""
    out.mkdir(parents=True, exist_ok=True)
    final: list[Prediction] = []
    watched: list[Prediction] = []
    best: list[Prediction] = []
    has_ceiling = test.simulated and bool(test.seconds)
    for chunk in chunks(people):  # a single pass
        final += panel.predict(chunk, whole)
        watched += panel.moments(chunk, test.seconds)
        best += ceiling(chunk, test.seconds) if has_ceiling else []
    predictions.write(out / "predictions.jsonl", final)
    row = tables.transductive_row if test.transductive else tables.row
    rows = [row("fused", [final], resamples=test.resamples)]
    if test.quantile is not None:
        rows.append(_by_quantile(final, test.quantile, test.resamples))
    table = tables.table(
        test.title,
        rows,
        final,
        subject_disjoint=test.subject_disjoint,
        simulated=test.simulated,
        prior=test.training_prior,
        resamples=test.resamples,
    )
    tables.write(out, "table", table)
    arrays = columns(final)
    plots.reliability(out / "reliability.png", {"fused": diagram(arrays.win, arrays.label)})
    if watched:
        predictions.write(out / "anytime.jsonl", watched)
        draw_anytime(out / "anytime.png", {"fused": watched}, best, test.resamples)
    return dict(rows[0].transductive or rows[0].figures)


def draw_anytime(
    path: Path, lines: dict[str, list[Prediction]], best: list[Prediction], resamples: int
) -> None:
    """Balanced accuracy against seconds watched, with the ceiling of simulated people dashed."""
    curves = {
        name: anytime.curve(line, balanced_accuracy, resamples=resamples) for name, line in lines.items()
    }
    dashed = anytime.curve(best, balanced_accuracy, resamples=resamples) if best else None
    plots.anytime(path, curves, "balanced accuracy", ceiling=dashed)


def _by_quantile(final: Sequence[Prediction], share: float, resamples: int) -> tables.Row:
    """The same confidences with their own quantile as the threshold, which is transductive."""
    classes = quantile_threshold(np.array([p.win for p in final]), share)
    decided = [msgspec.structs.replace(p, win=float(c)) for p, c in zip(final, classes, strict=True)]
    metrics = {name: METRICS[name] for name in ("accuracy", "balanced_accuracy", "f1", "macro_f1")}
    figures = bootstrap(decided, metrics, resamples=resamples)
    return tables.Row(
        name="fused, quantile threshold",
        n=len(final),
        figures=dict.fromkeys(METRICS, Interval()),
        transductive=dict.fromkeys(METRICS, Interval()) | figures,
        note=f"the most confident {share:.0%} are predicted wins",
    )
