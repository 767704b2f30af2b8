"""Effect of wrong pseudo-labels: the final model against the labeller's accuracy and the number of
pseudo-labels.

Measures the paper's second limitation. One stage 1 per seed; every cell continues from it with the same
hidden people and other pseudo-labels. Kinds of noise: even, uneven by class, more frequent on hard videos.
Forms: hard (the paper's), soft, weighted, confident-only. Needs simulated people, whose labels and difficulty
are known.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

import numpy as np
from msgspec import structs

from stream.errors import UsageError
from stream.files import replace_with
from training.config import Recipe
from training.data.materials import Materials
from training.data.pseudo_labels import simulated_labels
from training.evaluation import plots
from training.evaluation.intervals import Interval, Point, over_seeds_and_subjects
from training.evaluation.metrics import METRICS
from training.evaluation.predictions import Prediction, columns
from training.simulator.labeller import Labeller, Noise
from training.studies.cells import Ground, run_cell

METRIC = "balanced_accuracy"
ACCURACIES = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
SHARES = (0.25, 0.5, 1.0)
RESULTS = "noise.jsonl"
LABELS = "labels.json"  # of a cell: number and accuracy of the pseudo-labels used


@dataclass(frozen=True, slots=True)
class Cell:
    """One setting of the pseudo-labels."""

    accuracy: float  # of the labeller
    share: float = 1.0  # of the pool that is used
    noise: Noise = "even"
    form: str = "hard"

    @property
    def name(self) -> str:
        return f"{self.noise}-{self.form}-{round(100 * self.accuracy)}-of-{round(100 * self.share)}"


FIELDS = tuple(field.name for field in fields(Cell))


def cells() -> Iterator[Cell]:
    """The study's grid: accuracy with hard labels, number, forms, kinds of noise."""
    yield from (Cell(a) for a in ACCURACIES)
    yield from (Cell(a, share=s) for a in (0.6, 1.0) for s in SHARES if s < 1)
    yield from (Cell(a, form=f) for f in ("soft", "weighted", "confident") for a in (0.6, 0.8))
    yield from (Cell(a, noise=n) for n in get_args(Noise) if n != "even" for a in (0.6, 0.8))


def study(
    recipe: Recipe,
    ground: Ground,
    seeds: Sequence[int],
    out: Path,
    log: Callable[[str], None] = lambda line: None,
) -> None:
    """Run the unfinished cells; write ``noise.jsonl`` and three plots into ``out``."""
    if not ground.store.index.simulated:
        raise UsageError(
            f"{ground.store.folder}: expected a simulated corpus, whose truth is known, found a real one; "
            "make one with `undertone-training corpus simulate`."
        )
    without: list[list[Prediction]] = []
    results: dict[Cell, list[list[Prediction]]] = {cell: [] for cell in cells()}
    labels: dict[Cell, list[dict[str, float]]] = {cell: [] for cell in results}
    for seed in seeds:
        seeded, folder = structs.replace(recipe, seed=seed), out / f"seed-{seed}"
        materials = ground.materials(seeded, "inductive")
        base = folder / "without"
        without.append(run_cell(_with(seeded, "none"), ground, "inductive", base, materials=materials))
        for cell in results:
            predictions = _cell(cell, seeded, ground, materials, base, folder / cell.name)
            results[cell].append(predictions)
            labels[cell].append(json.loads((folder / cell.name / LABELS).read_text()))
            log(f"seed {seed}, {cell.name}: {METRIC.replace('_', ' ')} {_value(predictions):.3f}")
    _write(out, results, without, labels)


def _cell(
    cell: Cell, recipe: Recipe, ground: Ground, materials: Materials, base: Path, out: Path
) -> list[Prediction]:
    # The same seed in every cell, so that mostly the same people are mislabelled at every accuracy.
    rng = np.random.default_rng([recipe.seed, 65])
    pool = materials.pools.pseudo
    if not pool:
        raise UsageError(
            "expected subjects whose labels are hidden, found none; give splitting.hidden a share."
        )
    labels = simulated_labels(pool, Labeller(cell.accuracy, cell.noise), rng)
    kept = np.random.default_rng([recipe.seed, 66]).permutation(sorted(labels))
    kept = kept[: max(round(cell.share * len(labels)), 1)]
    chosen = {name: labels[name] for name in kept.tolist()}
    accuracy = np.mean([(chosen[p.name] > 0.5) == p.recording.label for p in pool if p.name in chosen])
    pools = replace(materials.pools, confidences=chosen)
    predictions = run_cell(
        _with(recipe, cell.form),
        ground,
        "inductive",
        out,
        after=base,
        materials=replace(materials, pools=pools),
    )
    (out / LABELS).write_text(json.dumps({"right": float(accuracy), "joined": len(chosen)}) + "\n")
    return predictions


def _with(recipe: Recipe, form: str) -> Recipe:
    return structs.replace(recipe, weak=structs.replace(recipe.weak, labels=form))


def _value(predictions: Sequence[Prediction]) -> float:
    arrays = columns(predictions)
    return METRICS[METRIC](arrays.win, arrays.label)


def _write(
    out: Path,
    results: dict[Cell, list[list[Prediction]]],
    without: list[list[Prediction]],
    labels: dict[Cell, list[dict[str, float]]],
) -> None:
    """One line per cell: its value, and its gain over training without weak supervision (paired)."""
    metric = METRICS[METRIC]
    none = over_seeds_and_subjects(without, metric)
    lines: list[dict[str, object]] = [{"without": _plain(none), "seeds": len(without)}]
    for cell, runs in results.items():
        value = over_seeds_and_subjects(runs, metric)
        gain = over_seeds_and_subjects(runs, metric, against=without)
        means = {name: float(np.mean([one[name] for one in labels[cell]])) for name in ("right", "joined")}
        lines.append(asdict(cell) | means | {METRIC: _plain(value), "gain": _plain(gain)})
    lines.append({"breaks_even_at": break_even(lines)})
    replace_with(out / RESULTS, "".join(json.dumps(line) + "\n" for line in lines))
    draw(out)


def draw(out: Path) -> None:
    """Three plots of ``noise.jsonl`` in ``out``, written beside it."""
    lines = [json.loads(line) for line in (out / RESULTS).read_text().splitlines()]
    gains = {Cell(**{f: c[f] for f in FIELDS}): Interval(**c["gain"]) for c in lines if "gain" in c}
    for name, groups in _curves(gains).items():  # paired gains, since seeds differ by more than labels do
        plots.accuracy_vs_noise(
            out / f"{name}.png",
            groups,
            "gain in balanced accuracy",
            without=Interval(0.0, 0.0, 0.0),
            title=f"{TITLES[name]} (simulated)",
        )


def break_even(lines: Sequence[dict[str, Any]]) -> float | None:
    """Labeller's accuracy from which hard labels of the whole pool help, interpolated between cells;
    None if they never help, 0.5 if they always do."""
    plain = [c for c in lines if c.get("noise") == "even" and c["form"] == "hard" and c["share"] == 1.0]
    points = sorted((c["accuracy"], c["gain"]["value"]) for c in plain)
    if not points or points[-1][1] <= 0:
        return None
    for (a, low), (b, high) in reversed(list(pairwise(points))):
        if low <= 0 < high:
            return float(a + (b - a) * -low / (high - low))
    return float(points[0][0])


TITLES = {
    "noise_form": "Cost of wrong pseudo-labels, by form",
    "noise_kind": "By kind of noise, hard labels",
    "noise_number": "By share of the pool used, hard labels",
}


def _curves(gains: dict[Cell, Interval]) -> dict[str, dict[str, list[Point]]]:
    """Curves of the three plots; in each, all other settings are those of the plain cells."""

    def lines(key: Callable[[Cell], str], chosen: Callable[[Cell], bool]) -> dict[str, list[Point]]:
        groups: dict[str, list[Point]] = {}
        for cell, interval in sorted(gains.items(), key=lambda item: (item[0].share, item[0].accuracy)):
            if chosen(cell):
                groups.setdefault(key(cell), []).append(Point(cell.accuracy, interval, 0))
        return groups

    return {
        "noise_form": lines(lambda c: c.form, lambda c: c.noise == "even" and c.share == 1),
        "noise_kind": lines(lambda c: c.noise, lambda c: c.form == "hard" and c.share == 1),
        "noise_number": lines(
            lambda c: f"{c.share:.0%} join", lambda c: c.noise == "even" and c.form == "hard"
        ),
    }


def _plain(interval: Interval) -> dict[str, float]:
    return {name: round(getattr(interval, name), 5) for name in ("value", "low", "high")}
