"""Plots the distributions of a corpus."""

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from stream.skeleton import GROUPS
from training.corpus.check import Report

WIN, LOSS, UNKNOWN, GREY = "#0072b2", "#d55e00", "#999999", "#555555"  # distinguishable without colour vision
CLASSES = (("win", 1, WIN), ("loss", 0, LOSS), ("unknown", None, UNKNOWN))


def draw(report: Report, path: str | Path) -> None:
    """Write a PNG: classes by split, lengths, missing ticks, recordings per subject."""
    matplotlib.use("Agg")
    figure = Figure(figsize=(11, 7.5), dpi=120, layout="constrained")
    axes = figure.subplots(2, 2)
    kind = "simulated people" if report.simulated else "recordings of real people"
    figure.suptitle(f"{report.name}: {report.counts.recordings} {kind}, {report.counts.hours:.1f} h")
    _classes(axes[0, 0], report)
    _lengths(axes[0, 1], report)
    _missing(axes[1, 0], report)
    _subjects(axes[1, 1], report)
    for axis in axes.flat:
        axis.spines[["top", "right"]].set_visible(False)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format="png")


def _classes(axis: Axes, report: Report) -> None:
    bars = {"all": report.counts}
    for name, split in report.splits.items():
        bars |= {f"{name}: {part}": counts for part, counts in split.parts.items()}
    at = np.arange(len(bars))
    left = np.zeros(len(bars))
    for name, _, colour in CLASSES:
        counts = np.array([getattr(value, name) for value in bars.values()])
        if counts.any():
            axis.barh(at, counts, left=left, color=colour, label=name)
            for y, x, n in zip(at, left, counts, strict=True):
                if n > 0.04 * report.counts.recordings:
                    axis.text(
                        x + n / 2, float(y), str(n), ha="center", va="center", color="white", fontsize=8
                    )
        left += counts
    axis.set(yticks=at, yticklabels=bars, xlabel="recordings", title="Classes, in all and by split")
    axis.invert_yaxis()
    if report.measured:
        axis.legend(frameon=False, fontsize=8, ncols=3, loc="lower right")


def _lengths(axis: Axes, report: Report) -> None:
    longest = max((m.seconds for m in report.measured), default=0) or 1
    unit, scale = ("minutes", 60) if longest > 180 else ("seconds", 1)
    longest /= scale
    lengths = {name: [m.seconds / scale for m in report.measured if m.label == v] for name, v, _ in CLASSES}
    shown = [(name, colour) for name, _, colour in CLASSES if lengths[name]] or [("win", WIN)]
    axis.hist(
        [lengths[name] for name, _ in shown],
        bins=np.linspace(0, longest * 1.001, 25).tolist(),
        stacked=True,
        color=[colour for _, colour in shown],
        label=[name for name, _ in shown],
    )
    axis.set(xlabel=f"length, {unit}", ylabel="recordings", title="Lengths", xlim=(0, None))
    axis.yaxis.set_major_locator(MaxNLocator(integer=True))


def _missing(axis: Axes, report: Report) -> None:
    shares = {"person": [m.absent for m in report.measured]}
    shares |= {name: [m.missing[name] for m in report.measured] for name in GROUPS}
    rng = np.random.default_rng(0)
    for y, values in enumerate(shares.values()):
        spread = y + rng.uniform(-0.28, 0.28, len(values))
        axis.plot(np.array(values) * 100, spread, ".", color=GREY, alpha=0.35, markersize=5)
        if values:
            axis.plot([100 * np.median(values)] * 2, [y - 0.36, y + 0.36], color="black", linewidth=2)
    axis.set(
        yticks=range(len(shares)),
        yticklabels=shares,
        xlim=(-2, 102),
        xlabel="ticks without it, % (one dot per recording, the line is the median)",
        title="Missing data",
    )
    axis.invert_yaxis()


def _subjects(axis: Axes, report: Report) -> None:
    axis.bar(list(report.subjects), list(report.subjects.values()), color=GREY)
    axis.set(
        xlabel="recordings of a subject",
        ylabel="subjects",
        title=f"Recordings of each of {report.counts.subjects} subjects",
        xlim=(0.4, max([5, *report.subjects]) + 0.6),
    )
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.yaxis.set_major_locator(MaxNLocator(integer=True))
