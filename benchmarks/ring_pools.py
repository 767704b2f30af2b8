"""What a ring should read: the newest few outputs, or the whole window pooled?

``python benchmarks/ring_pools.py`` trains, for each seed, one full mode on simulated people of profile
`plain`, then a ring of each variant from it, one change at a time, lets all judge the same unseen people
after several times watched, and writes one line to ``results/ring_pools.jsonl``. Differences to the full mode
are paired: the same people are drawn for both. A run that was killed goes on. It is smaller than the `small`
recipe, so that three seeds take about an hour on one core.
"""

import argparse
from pathlib import Path
from typing import Any

import record
from msgspec import structs
from small_recipe import plain

from training import config
from training.data.materials import from_simulator
from training.evaluation import predictions
from training.evaluation.intervals import over_seeds_and_subjects
from training.evaluation.metrics import METRICS
from training.evaluation.predictions import Prediction
from training.learning import checkpoint, runs
from training.studies.panel import Panel, chunks, made_up_people, with_window

PEOPLE, SECONDS = 200, 160.0
WATCHED = (5.0, 10.0, 30.0, 60.0, 160.0)
VARIANTS: dict[str, dict[str, Any]] = {
    "newest, 3 layers over the window": {"pool": "newest", "layers": 3},
    "mean, 1 layer of 2 s": {"pool": "mean", "layers": 1, "band_s": 2.0},
    "attention, 1 layer of 2 s": {"pool": "attention", "layers": 1, "band_s": 2.0},
    "mean, 2 layers of 2 s": {"pool": "mean", "layers": 2, "band_s": 2.0},
    "mean, 1 layer of 10 s": {"pool": "mean", "layers": 1, "band_s": 10.0},
}


def full_recipe(seed: int) -> config.Recipe:
    """`small` on larger events, fewer people and fewer steps."""
    recipe = config.load("small")
    return structs.replace(
        recipe,
        name="ring-pools",
        seed=seed,
        data=structs.replace(
            recipe.data, profile="plain", easier="", recordings=300, unlabelled=2, held_out=150
        ),
        moments=structs.replace(recipe.moments, steps=500),
        pretrain=structs.replace(recipe.pretrain, steps=60),
        finetune=structs.replace(recipe.finetune, steps=20),
        calibrating=structs.replace(recipe.calibrating, windows=400),
    )


def ring_recipe(full: config.Recipe, change: dict[str, Any]) -> config.Recipe:
    """The ring of `small-ring` at the window's full length, with one change."""
    ring = config.load("small-ring")
    return structs.replace(
        ring,
        name=full.name,
        seed=full.seed,
        model=full.model,
        data=structs.replace(ring.data, profile="plain", recordings=120, held_out=60),
        ring=structs.replace(
            ring.ring, course=structs.replace(ring.ring.course, steps=150, rate=1e-3), **change
        ),
        calibrating=structs.replace(ring.calibrating, windows=100),
    )


def judged(seed: int, out: Path) -> dict[str, list[Prediction]]:
    """Predictions of the full mode and of every ring of one seed; not asked again."""
    recipe, folder = full_recipe(seed), out / f"seed-{seed}"
    if not (folder / "full" / runs.FINETUNED).exists():
        runs.run(recipe, folder / "full", from_simulator(recipe))
    full = runs.resume(folder / "full")
    found: dict[str, list[Prediction]] = {}
    for name, change in {"full": {}, **VARIANTS}.items():
        path = folder / f"{name.replace(' ', '-').replace(',', '')}.jsonl"
        if not path.exists():
            if change:
                chosen = ring_recipe(full.recipe, change)
                start = checkpoint.load(folder / "full" / runs.FINETUNED, chosen)
                member = runs.run_ring(start, path.with_suffix(""), from_simulator(chosen))
            else:
                member = with_window(full, round(SECONDS * 25))
            said = [
                p
                for chunk in chunks(made_up_people(member, PEOPLE, SECONDS))
                for p in Panel([member]).moments(chunk, WATCHED)
            ]
            predictions.write(path, said)
        found[name] = predictions.read(path)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("runs/ring-pools"))
    parser.add_argument("--seeds", default="0,1,2")
    options = parser.parse_args()
    seeds = [judged(int(seed), options.out) for seed in options.seeds.split(",")]
    rows = []
    for name in seeds[0]:
        row: dict[str, Any] = {"variant": name}
        for at in WATCHED:
            mine, full = ([[p for p in s[side] if p.seconds == at] for s in seeds] for side in (name, "full"))
            figure = METRICS["balanced_accuracy"]
            row[f"{at:g} s"] = {
                "balanced_accuracy": plain(over_seeds_and_subjects(mine, figure)),
                "minus_full": plain(over_seeds_and_subjects(mine, figure, against=full)),
            }
        rows.append(row)
    record.write("ring_pools", {"seeds": len(seeds), "people": PEOPLE, "variants": rows}, also=("torch",))


if __name__ == "__main__":
    main()
