"""What does a training step of the paper-size model cost, and does drawing batches keep up with the steps?

    python benchmarks/training_step.py [--threads 1] [--steps 6]

Runs the real optimisation loop on made-up people, every batch size in a process of its own: stage 2 of the
recipe ``paper`` with all branches (BERT-Base's sizes too) and no modality dropped, windows of 4000 ticks and
800 features; memory is the process's peak beyond what it held before the model was built. Then stage 1 of
the recipe ``tiny``, keypoints alone, with batches drawn between the steps and by two workers, from memory
and from a corpus on disk whose inputs are memory-mapped: the share of time spent waiting for a batch.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import record
import torch
from msgspec.structs import replace as changed

from stream.bundle.manifest import BRANCHES
from stream.runtime.telemetry import rss_mb
from stream.skeleton import GROUPS
from training.config import Dropping, Recipe, Stage, load
from training.corpus.readers.importing import bring
from training.data.materials import from_corpus, from_simulator
from training.data.prepared import Pools, Prepared, prepare
from training.data.simulated import sample_texts, simulated
from training.data.windows import Windows
from training.learning.checkpoint import build
from training.learning.log import Log
from training.learning.loop import Trainer
from training.learning.stages import finetune, fit_inputs, pretrain
from training.model.text import train_tokenizer
from training.simulator import as_corpus

BATCHES, PEOPLE, FULL_S = (1, 2), 4, 160.0
LOADING_STEPS, DISK_PEOPLE = 110, 60
GIVEN_UP_S = 1800


class Laps(Log):
    """Notes wall and CPU time at every log line; with no more than ten steps each of them is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.wall_s: list[float] = []
        self.cpu_s: list[float] = []

    def __call__(self, **values: Any) -> None:
        super().__call__(**values)
        self.wall_s.append(time.perf_counter())
        self.cpu_s.append(time.process_time())


def peak_mb() -> float:
    """Largest resident size this process has had, 10⁶ bytes (proc(5), VmHWM)."""
    (line,) = [s for s in Path("/proc/self/status").read_text().splitlines() if s.startswith("VmHWM")]
    return int(line.split()[1]) * 1024 / 1e6


def paper(batch: int, steps: int, threads: int) -> Recipe:
    """The sizes of the recipe ``paper`` with full windows and nothing dropped: every step is the largest.

    In float32, with batches drawn between the steps: the recipe's bfloat16 and workers are for a GPU's host.
    """
    recipe = load("paper")
    none = Dropping(keypoints=0, image=0, text=0, group=0, gap=0)
    full = changed(
        recipe.finetune, steps=steps, batch=batch, sampler="window", seconds=(FULL_S, FULL_S), partial=0.0
    )
    data = changed(recipe.data, seconds=FULL_S)
    compute = changed(recipe.compute, threads=threads, workers=0, precision="no")
    return changed(recipe, compute=compute, data=data, dropping=none, finetune=full)


def full_step(batch: int, steps: int, threads: int) -> dict[str, Any]:
    """Wall and CPU seconds of a step, and the memory that model, optimiser and activations add."""
    recipe = paper(batch, steps, threads)
    tokenizer = train_tokenizer(sample_texts(recipe), recipe.model.text.vocabulary)
    width, rng = recipe.model.image_features, np.random.default_rng(0)
    people: list[Prepared] = []
    for recording in simulated(recipe.data, recipe.data.profile, PEOPLE, seed=0):
        seen = np.ones_like(recording.feature_mask)
        features = rng.normal(size=(len(seen), width)).astype(np.float32)
        shown = replace(recording, features=features, feature_mask=seen)
        people.append(prepare(shown, recipe.window, tokenizer, recipe.model.text.length, width))
    before = rss_mb([os.getpid()])
    model = build(recipe, tokenizer)
    fit_inputs(model, people, recipe)
    laps = Laps()
    finetune(Trainer(model, recipe, log=laps), model, Pools(labelled=people), BRANCHES)
    k = recipe.model.keypoints
    pairs = len(GROUPS) * k.layers * k.heads * recipe.window.poses**2
    return {
        "batch": batch,
        "steps": steps - 1,  # the first warms up
        "step_s": round(median(np.diff(laps.wall_s)), 2),
        "step_cpu_s": round(median(np.diff(laps.cpu_s)), 2),
        "peak_added_mb": round(peak_mb() - before),
        "parameters_m": round(sum(p.numel() for p in model.parameters()) / 1e6, 1),
        "draw_cpu_ms": draw_cpu_ms(people, recipe, recipe.finetune, 5),
        "unfused_scores_mb": round(batch * pairs * 4 / 1e6),  # what a backward pass would have to keep
    }


def draw_cpu_ms(people: list[Prepared], recipe: Recipe, stage: Stage, count: int) -> float:
    """CPU milliseconds to draw one batch."""
    windows = Windows("drawing", [people], recipe, stage)
    took = []
    for k in range(count):
        begun = time.process_time()
        windows[k]
        took.append((time.process_time() - begun) * 1e3)
    return round(median(took), 2)


def loading(people: list[Prepared], recipe: Recipe, workers: int) -> dict[str, Any]:
    """Stage 1 of the keypoint branch; the share of time in which the loop waited for a batch."""
    recipe = changed(recipe, compute=changed(recipe.compute, workers=workers))
    tokenizer = train_tokenizer(["none"], recipe.model.text.vocabulary)
    laps = Laps()
    model = build(recipe, tokenizer)
    pretrain(Trainer(model, recipe, log=laps), model, Pools(labelled=people))
    taken = (laps.wall_s[-1] - laps.wall_s[0]) / (laps.lines[-1]["step"] - laps.lines[0]["step"])
    return {
        "workers": workers,
        "steps": laps.lines[-1]["step"],
        "batch": recipe.pretrain.batch,
        "step_ms": round(taken * 1e3, 1),
        "waiting": laps.lines[-1]["waiting"],
    }


def tiny() -> Recipe:
    recipe = load("tiny")
    data = changed(
        recipe.data, branches=("keypoints",), recordings=40, unlabelled=0, held_out=0, easier="", portraits=0
    )
    stage = changed(recipe.pretrain, steps=LOADING_STEPS)
    return changed(recipe, data=data, pretrain=stage, moments=changed(recipe.moments, steps=0))


def feeding() -> dict[str, Any]:
    """Waiting for batches from memory and from disk; the files were just written, so the cache is warm."""
    recipe = tiny()
    pools = {"memory": from_simulator(recipe).pools.labelled}
    with tempfile.TemporaryDirectory() as folder:
        people = as_corpus.source("bench", recordings=DISK_PEOPLE, seconds=recipe.data.seconds)
        pools["mapped"] = from_corpus(recipe, bring(people, folder)).pools.labelled
        return {
            name: {
                "people": len(pool),
                "draw_cpu_ms": draw_cpu_ms(pool, recipe, recipe.pretrain, 50),
                "runs": [loading(pool, recipe, workers) for workers in (0, 2)],
            }
            for name, pool in pools.items()
        }


def alone(*arguments: str) -> Any:
    """The JSON that this script prints in a process of its own."""
    command = [sys.executable, __file__, *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=GIVEN_UP_S)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=5, choices=range(3, 11))
    parser.add_argument("--batch", type=int, help="print the step of this batch size alone")
    parser.add_argument("--feeding", action="store_true", help="print the waiting for batches alone")
    options = parser.parse_args()
    if options.batch or options.feeding:
        torch.set_num_threads(options.threads)
        found = feeding() if options.feeding else full_step(options.batch, options.steps, options.threads)
        print(json.dumps(found))
        return
    size = ("--threads", str(options.threads), "--steps", str(options.steps))
    load_before = round(os.getloadavg()[0], 2)  # of everything else on the machine
    window = load("paper").window
    record.write(
        "training_step",
        {
            "threads": options.threads,
            "precision": "float32",
            "load_before": load_before,
            "poses": window.poses,
            "features": window.features,
            "full": [alone("--batch", str(batch), *size) for batch in BATCHES],
            "feeding": alone("--feeding"),
        },
    )


if __name__ == "__main__":
    main()
