"""How far the ``small`` recipe gets from chance to the ceiling, on people nobody trained on.

``python benchmarks/small_recipe.py`` trains every seed (a run that is there is used, a killed one goes on),
judges 1000 simulated people of 40 s with each, and 150 others with the same weights on windows of 4000 ticks,
and writes one line to ``results/small_recipe.jsonl`` and the anytime curve to ``results/small_recipe.png``.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import record
from msgspec import structs

from training import config
from training.data.materials import from_simulator
from training.evaluation import predictions
from training.evaluation.intervals import Interval, over_seeds_and_subjects
from training.evaluation.metrics import METRICS
from training.evaluation.predictions import Prediction
from training.learning import runs
from training.simulator.behaviour import PROFILES, bayes_ceiling
from training.studies.panel import Panel, ceiling, chunks, made_up_people, with_window
from training.studies.report import draw_anytime

PEOPLE, LONG_PEOPLE = 1000, 150
LONG_S, LONG_POSES = 160.0, 4000
WATCHED = (5.0, 10.0, 20.0, 40.0, 80.0, 160.0)
DRAWS = 200_000  # of each class, for the ceiling
Seeds = list[list[Prediction]]


def trained(seed: int, out: Path) -> tuple[float, float]:
    """Train one seed; minutes that its training took by the clock and of one core, over all the times it was
    begun."""
    recipe = structs.replace(config.load("small"), seed=seed)
    begun = np.array((time.monotonic(), time.process_time()))
    clock = out / "minutes.json"
    if not (out / runs.FINETUNED).exists():
        out.mkdir(parents=True, exist_ok=True)
        runs.run(recipe, out, from_simulator(recipe))
        before = json.loads(clock.read_text()) if clock.exists() else (0.0, 0.0)
        spent = np.array((time.monotonic(), time.process_time())) - begun
        clock.write_text(json.dumps((before + spent / 60).tolist()))
    return tuple(json.loads(clock.read_text()))


def judged(out: Path) -> None:
    """Predictions of one seed on disk: after 40 s, and after several times of long recordings; beside them
    what an ideal reader would have said of the same people."""
    if (out / "ideal.jsonl").exists():
        return
    member = runs.resume(out)
    end = member.recipe.window.poses / member.recipe.window.rate
    people = made_up_people(member, PEOPLE, end)
    predictions.write(out / "short.jsonl", Panel([member]).moments(people, [end]))
    wide = with_window(member, LONG_POSES)
    watched: list[Prediction] = []
    best: list[Prediction] = []
    for chunk in chunks(made_up_people(wide, LONG_PEOPLE, LONG_S)):
        watched += Panel([wide]).moments(chunk, WATCHED)
        best += ceiling(chunk, WATCHED)
    predictions.write(out / "best.jsonl", best)
    predictions.write(out / "long.jsonl", watched)
    predictions.write(out / "ideal.jsonl", ceiling(made_up_people(member, PEOPLE, end), [end]))


def figures(folders: list[Path], minutes: list[tuple[float, float]]) -> dict[str, object]:
    """What all seeds together reached."""
    recipe = config.load("small")
    profile, rng = PROFILES[recipe.data.profile], np.random.default_rng(0)
    short = [predictions.read(f / "short.jsonl") for f in folders]
    long = [[p for p in predictions.read(f / "long.jsonl") if p.seconds == LONG_S] for f in folders]
    end = recipe.window.poses / recipe.window.rate
    reached, wide = accuracy(short), accuracy(long)
    ideal = [predictions.read(f / "ideal.jsonl") for f in folders]
    top, long_top = bayes_ceiling(profile, end, DRAWS, rng), bayes_ceiling(profile, LONG_S, DRAWS, rng)
    return {
        "seeds": len(folders),
        "minutes": [round(m, 1) for m, _ in minutes],
        "cpu_minutes": [round(m, 1) for _, m in minutes],
        "threads": recipe.compute.threads,
        "people": PEOPLE,
        "window_s": end,
        "balanced_accuracy": plain(reached),
        "auroc": plain(over_seeds_and_subjects(short, METRICS["auroc"])),
        "calibration_error": plain(over_seeds_and_subjects(short, METRICS["calibration_error"])),
        "by_seed": [round(accuracy([s]).value, 4) for s in short],
        "ceiling": round(top, 4),
        "share_of_the_way": {k: round((v - 0.5) / (top - 0.5), 4) for k, v in plain(reached).items()},
        "same_people": same_people(reached, short, ideal),
        "long": {
            "people": LONG_PEOPLE,
            "window_s": LONG_S,
            "balanced_accuracy": plain(wide),
            "ceiling": round(long_top, 4),
        },
    }


def same_people(reached: Interval, short: Seeds, ideal: Seeds) -> dict[str, object]:
    """Against who saw every true event of the very people judged: the chance of the draw falls on both."""
    top = accuracy(ideal)
    behind = over_seeds_and_subjects(short, METRICS["balanced_accuracy"], against=ideal)
    return {
        "ideal": plain(top),
        "behind": plain(behind),
        "share_of_the_way": round((reached.value - 0.5) / (top.value - 0.5), 4),
    }


def accuracy(seeds: Seeds) -> Interval:
    return over_seeds_and_subjects(seeds, METRICS["balanced_accuracy"])


def plain(interval: Interval) -> dict[str, float]:
    return {name: round(getattr(interval, name), 4) for name in ("value", "low", "high")}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("runs/small"))
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--only-train", action="store_true", help="leave the results file alone")
    options = parser.parse_args()
    folders = [options.out / f"seed-{seed}" for seed in options.seeds.split(",")]
    minutes = []
    for seed, folder in zip(options.seeds.split(","), folders, strict=True):
        minutes.append(trained(int(seed), folder))
        judged(folder)
    if options.only_train:
        return
    record.write("small_recipe", figures(folders, minutes), also=("torch",))
    lines = {"one seed": predictions.read(folders[0] / "long.jsonl")}
    best = predictions.read(folders[0] / "best.jsonl")
    draw_anytime(record.RESULTS / "small_recipe.png", lines, best, resamples=300)


if __name__ == "__main__":
    main()
