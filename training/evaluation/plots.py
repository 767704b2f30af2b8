"""Plots of metrics, as PNG. Okabe and Ito's colours, each with its own marker for readers who see no hue."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.typing import RcKeyType

from stream.errors import UsageError
from stream.files import replacing
from training.evaluation.intervals import Interval, Point
from training.evaluation.reliability import Bin

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = ("o", "s", "^", "D", "v", "P")
GREY = "#5A5A5A"
ACROSS = 4  # panels side by side
STYLE: dict[RcKeyType, Any] = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E4E4E4",
    "legend.frameon": False,
    "savefig.dpi": 150,
}


@contextmanager
def _picture(path: Path, width: float, height: float, title: str) -> Iterator[Figure]:
    """A figure without a display, written atomically if the block succeeds."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        figure.suptitle(title, fontsize=11)
        yield figure
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as part:
            figure.savefig(part, format="png", metadata={"Software": None})


def reliability(
    path: Path, variants: Mapping[str, Sequence[Bin]], title: str = "Reliability", counted: str = "videos"
) -> None:
    """Share of wins against predicted confidence, with Wilson's bounds, above the number of ``counted``."""
    with _picture(path, 5.2, 6, title) as figure:
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
        upper.plot([0, 1], [0, 1], "--", color=GREY, lw=1, label="calibrated")
        for (name, bins), colour, marker in zip(
            variants.items(), cycle(COLOURS), cycle(MARKERS), strict=False
        ):
            x = [b.confidence for b in bins]
            _whiskers(upper, x, [b.wins for b in bins], colour, marker, name)
            lower.plot(x, [b.n for b in bins], color=colour, marker=marker, ms=4, lw=1)
        upper.set(ylabel="share of wins", xlim=(0, 1), ylim=(-0.02, 1.02))
        upper.legend(loc="upper left")
        lower.set(xlabel="predicted confidence for win", ylabel=counted, ylim=(0, None))


def anytime(
    path: Path,
    lines: Mapping[str, Sequence[Point]],
    ylabel: str,
    *,
    ceiling: Sequence[Point] | None = None,
    chance: float | None = 0.5,
    title: str = "Accuracy over time",
) -> None:
    """A metric with its confidence band against seconds watched; ``ceiling`` (the best possible) is
    dashed."""
    with _picture(path, 7, 4.2, title) as figure:
        axes = figure.subplots()
        if ceiling:
            axes.plot(*_xy(ceiling), "--", color="black", lw=1.4, label="ceiling (best possible)")
        _lines(axes, lines)
        if chance is not None:
            axes.axhline(chance, color=GREY, lw=1, ls=":", label="chance")
        axes.set(xlabel="seconds watched", ylabel=ylabel, xlim=(0, None))
        figure.legend(loc="outside lower center", ncols=4)


def accuracy_vs_noise(
    path: Path,
    lines: Mapping[str, Sequence[Point]],
    ylabel: str,
    *,
    without: Interval | None = None,
    title: str = "Cost of wrong pseudo-labels",
) -> None:
    """A metric against the share (0..1) of correct pseudo-labels; ``without``: without weak supervision."""
    with _picture(path, 7, 4.2, title) as figure:
        axes = figure.subplots()
        if without is not None:
            axes.axhline(without.value, color="black", lw=1.4, ls="--", label="without weak supervision")
            axes.axhspan(without.low, without.high, color=GREY, alpha=0.13, lw=0)
        shares = {name: [Point(100 * p.at, p.figure, p.n) for p in line] for name, line in lines.items()}
        _lines(axes, shares)
        axes.set(xlabel="correct pseudo-labels, %", ylabel=ylabel)
        figure.legend(loc="outside lower center", ncols=4)


def forest(
    path: Path,
    rows: Mapping[str, Interval],
    xlabel: str,
    *,
    reference: float | None = None,
    meaning: str = "always win",
    title: str = "Variants",
) -> None:
    """One line per variant, the first on top: its value and interval, drawn and in numbers."""
    with _picture(path, 7.5, 1.3 + 0.42 * len(rows), title) as figure:
        axes = figure.subplots()
        at = np.arange(len(rows))[::-1]
        if reference is not None:
            axes.axvline(reference, color=GREY, lw=1.2, ls="--", label=meaning)
            axes.legend(loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0)
        for y, i in zip(at, rows.values(), strict=True):
            axes.plot([i.low, i.high], [y, y], color=COLOURS[0], lw=2, solid_capstyle="butt")
            axes.plot(i.value, y, "o", color=COLOURS[0], ms=7)
            axes.text(1.02, y, _words(i), transform=axes.get_yaxis_transform(), va="center", fontsize=9)
        axes.set_yticks(at, list(rows))
        axes.set(xlabel=xlabel, ylim=(-0.6, len(rows) - 0.4))
        axes.grid(axis="y", visible=False)
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", length=0)


def _words(interval: Interval) -> str:
    if math.isnan(interval.value):
        return "undefined"
    bounds = "" if math.isnan(interval.low) else f"  [{interval.low:.3f}, {interval.high:.3f}]"
    return f"{interval.value:.3f}{bounds}"


def learning_curves(
    path: Path,
    log: Sequence[Mapping[str, Any]],
    *,
    validation: str = "loss",
    title: str = "Learning curves",
) -> None:
    """Training loss of every stage, above its validation metric, from the lines of a run's log.

    A line's ``validation`` is a loss, or metrics by name, of which the one called ``validation`` is drawn.
    Lines without a loss or a validation are ignored. Raises UsageError if no line has a loss.
    """
    lines = [line for line in log if "step" in line and ("loss" in line or "validation" in line)]
    stages: dict[str, list[Mapping[str, Any]]] = {}
    for line in lines:
        stages.setdefault(line["stage"], []).append(line)
    if not any("loss" in line for line in lines):
        raise UsageError(
            "expected log lines with stage, step and loss, found none; give the log of a run that learnt."
        )
    both = any("validation" in line for line in lines)
    rows = math.ceil(len(stages) / ACROSS)
    across = math.ceil(len(stages) / rows)
    with _picture(path, max(3.2 * across, 5), (4.2 if both else 2.8) * rows + 0.4, title) as figure:
        panels = figure.subplots((1 + both) * rows, across, squeeze=False)
        for axes in panels.flat:
            axes.set_visible(False)
        for i, (stage, group) in enumerate(stages.items()):
            row, column = (1 + both) * (i // across), i % across
            series = [(panels[row, column], "loss", "training loss", COLOURS[0], "o")]
            if both and any("validation" in line for line in group):
                name = validation.replace("_", " ")
                series.append((panels[row + 1, column], "validation", f"held-out\n{name}", COLOURS[1], "s"))
            for axes, key, label, colour, marker in series:
                points = [(line["step"], _number(line[key], validation)) for line in group if key in line]
                axes.plot(*zip(*points, strict=True), color=colour, marker=marker, ms=3.5, lw=1.5)
                axes.set(ylabel=label, xlim=(0, None))
                axes.set_visible(True)
            series[0][0].set_title(stage, fontsize=10)
            series[-1][0].set_xlabel("step")


def _number(value: float | Mapping[str, float], name: str) -> float:
    return value[name] if isinstance(value, Mapping) else value


def _lines(axes: Axes, lines: Mapping[str, Sequence[Point]]) -> None:
    for (name, points), colour, marker in zip(lines.items(), cycle(COLOURS), cycle(MARKERS), strict=False):
        x, y = _xy(points)
        every = max(1, len(x) // 12)
        axes.plot(x, y, color=colour, marker=marker, ms=4.5, lw=1.8, markevery=every, label=name)
        low, high = ([getattr(p.figure, end) for p in points] for end in ("low", "high"))
        axes.fill_between(x, low, high, color=colour, alpha=0.16, lw=0)


def _xy(points: Sequence[Point]) -> tuple[list[float], list[float]]:
    return [p.at for p in points], [p.figure.value for p in points]


def _whiskers(
    axes: Axes, x: Sequence[float], figures: Sequence[Interval], colour: str, marker: str, name: str
) -> None:
    y = [i.value for i in figures]
    ends = [[i.value - i.low for i in figures], [i.high - i.value for i in figures]]
    axes.errorbar(
        x, y, ends, color=colour, marker=marker, ms=5, lw=1.4, elinewidth=1, capsize=2.5, label=name
    )
