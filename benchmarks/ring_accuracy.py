"""What does the causal form cost in accuracy: ring against full, on the same people nobody trained on?

``python benchmarks/ring_accuracy.py`` teaches the ring mode of every seed of the small recipe (a run of it
that is there is used, see `small_recipe.py`; a killed one goes on), lets both modes judge simulated people
after several times watched, and writes one line to ``results/ring_accuracy.jsonl`` and the anytime curves of
both to ``results/ring_accuracy.png``. Differences are paired: the same people are drawn for both.

The line also says how much each part of the window counts in the last judgement: the regression of its
log-odds on the true evidence in stretches of 20 s, newest first, as shares of their sum.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import record
from msgspec import structs
from small_recipe import plain, trained

from training import config
from training.data.materials import from_simulator
from training.data.simulated import simulated
from training.evaluation import predictions
from training.evaluation.intervals import over_seeds_and_subjects
from training.evaluation.metrics import METRICS
from training.evaluation.predictions import Prediction
from training.learning import checkpoint, runs
from training.learning.checkpoint import Checkpoint
from training.studies.panel import TEST, Panel, ceiling, chunks, made_up_people, with_window
from training.studies.report import draw_anytime

PEOPLE, SECONDS, STRETCH = 300, 160.0, 20.0
WATCHED = (5.0, 10.0, 30.0, 60.0, 160.0)
RING = "small-ring"


def members(seed: int, out: Path) -> dict[str, Checkpoint]:
    """Both modes of one seed, taught where they are not there yet."""
    trained(seed, out)
    if runs.ring_of(out) is None:
        recipe = structs.replace(config.load(RING), seed=seed)
        full = checkpoint.load(out / runs.FINETUNED, recipe)
        runs.run_ring(full, out, from_simulator(full.recipe))
    ring = runs.ring_of(out)
    assert ring is not None
    if ring.recipe.ring != config.load(RING).ring:
        sys.exit(f"{out / checkpoint.RING}: expected a ring of the recipe {RING}, found another; delete it")
    return {"full": with_window(runs.resume(out), ring.recipe.window.poses), "ring": ring}


def judged(seed: int, out: Path) -> dict[str, list[Prediction]]:
    """Answers of both modes and of a reader who saw every true event; not asked again."""
    files = {name: out / f"ring-{name}.jsonl" for name in ("full", "ring", "best")}
    taught = out / checkpoint.RING / checkpoint.WEIGHTS
    if not all(path.exists() and newer(path, taught) for path in files.values()):
        both = members(seed, out)
        said: dict[str, list[Prediction]] = {name: [] for name in files}
        for chunk in chunks(made_up_people(both["full"], PEOPLE, SECONDS)):
            for name, member in both.items():
                said[name] += Panel([member]).moments(chunk, WATCHED)
            said["best"] += ceiling(chunk, WATCHED)
        for name, path in files.items():
            predictions.write(path, said[name])
    return {name: predictions.read(path) for name, path in files.items()}


def newer(path: Path, than: Path) -> bool:
    return than.exists() and path.stat().st_mtime >= than.stat().st_mtime


def at(seeds: list[dict[str, list[Prediction]]], name: str, seconds: float) -> list[list[Prediction]]:
    return [[p for p in seed[name] if p.seconds == seconds] for seed in seeds]


def evidence() -> np.ndarray:
    """The true evidence in each stretch of each person's window, newest first, [people, stretches]."""
    data = structs.replace(config.load(RING).data, seconds=SECONDS, mixed=0.0)
    ends = np.arange(SECONDS, 0, -STRETCH) * 25
    people = simulated(data, data.profile, PEOPLE, TEST)
    return np.array([[p.evidence(round(e - STRETCH * 25), round(e)) for e in ends] for p in people])


def shares(seeds: list[list[Prediction]], shown: np.ndarray) -> list[float]:
    """What each stretch adds to the log-odds, as a share of the whole; the mean over seeds."""
    found = []
    for said in seeds:
        logits = np.array([p.logit for p in said])
        weights = np.linalg.lstsq(np.c_[shown, np.ones(len(shown))], logits, rcond=None)[0][:-1]
        found.append(weights / weights.sum())
    return [round(float(share), 3) for share in np.mean(found, axis=0)]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("runs/small"))
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--only-judge", action="store_true", help="leave the results file alone")
    options = parser.parse_args()
    seeds = [judged(int(seed), options.out / f"seed-{seed}") for seed in options.seeds.split(",")]
    if options.only_judge:
        return
    rows = []
    for seconds in WATCHED:
        full, ring, best = (at(seeds, name, seconds) for name in ("full", "ring", "best"))
        row: dict[str, object] = {"seconds": seconds}
        for metric in ("balanced_accuracy", "auroc", "calibration_error"):
            figure = METRICS[metric]
            sides = {"full": full, "ring": ring, "best": best}
            row[metric] = {name: plain(over_seeds_and_subjects(side, figure)) for name, side in sides.items()}
            row[f"{metric}_ring_minus_full"] = plain(over_seeds_and_subjects(ring, figure, against=full))
        rows.append(row)
    shown = evidence()
    counts = {name: shares(at(seeds, name, SECONDS), shown) for name in ("full", "ring")}
    record.write(
        "ring_accuracy",
        {"seeds": len(seeds), "people": PEOPLE, "watched": rows, "counts": counts},
        also=("torch",),
    )
    lines = {name: seeds[0][name] for name in ("full", "ring")}
    draw_anytime(record.RESULTS / "ring_accuracy.png", lines, seeds[0]["best"], resamples=300)


if __name__ == "__main__":
    main()
