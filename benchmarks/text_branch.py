"""How much of what a description tells does a BERT from nothing learn to read?

    python benchmarks/text_branch.py [--profile standard] [--seconds 100] [--seeds 3]

Stage 1 of the text branch of the recipe ``tiny``, on labels alone, against the exact likelihood of the same
texts' wording: nobody who reads them tells wins from losses better. Unseen made-up people; CPU seconds of the
training alone. One line to ``results/text_branch.jsonl``.
"""

import argparse
import time
from typing import Any

import numpy as np
import record
import torch
from msgspec import structs

from training.config import Recipe, load
from training.data.prepared import Pools, Prepared, text_only
from training.data.sampling import Cut, assemble
from training.data.simulated import described, sample_texts
from training.evaluation.metrics import METRICS
from training.learning.checkpoint import build
from training.learning.loop import Trainer
from training.learning.stages import pretrain
from training.model.text import train_tokenizer
from training.simulator.behaviour import PROFILES
from training.simulator.descriptions import description_llr

UNSEEN, UNSEEN_SEED, BATCH = 1000, 8_000_000, 50


def read(recipe: Recipe) -> dict[str, Any]:
    """One seed: what the trained branch and the ideal reader say of the same unseen texts."""
    tokenizer = train_tokenizer(sample_texts(recipe, 300), recipe.model.text.vocabulary)

    def people(count: int, seed: int) -> list[Prepared]:
        drawn = described(structs.replace(recipe.data, texts=count), recipe.data.profile, seed)
        return [text_only(r, recipe.window, tokenizer, recipe.model.text.length) for r in drawn]

    learnt, unseen = people(recipe.data.texts, 10_000 * recipe.seed), people(UNSEEN, UNSEEN_SEED)
    model = build(recipe, tokenizer)
    begun = time.process_time()
    pretrain(Trainer(model, recipe), model, Pools(labelled=learnt))
    took = time.process_time() - begun
    said: list[float] = []
    for first in range(0, UNSEEN, BATCH):
        cuts = [Cut(p, 0, p.ticks) for p in unseen[first : first + BATCH]]
        batch = assemble(cuts, recipe.window, recipe.target, ("text",))
        with torch.no_grad():
            said += model.alone("text", batch).tolist()
    label = np.array([p.recording.label for p in unseen], float)
    profile, seconds = PROFILES[recipe.data.profile], recipe.data.seconds
    best = np.array([description_llr(p.recording.text or "", profile, seconds) for p in unseen])
    found: dict[str, Any] = {"seed": recipe.seed, "training_cpu_s": round(took)}
    for name, logit in (("learnt", np.array(said)), ("ideal", best)):
        win = 1 / (1 + np.exp(-np.clip(logit, -30, 30)))
        found[name] = {m: round(METRICS[m](win, label), 4) for m in ("auroc", "balanced_accuracy")}
    way = [found[name]["balanced_accuracy"] - 0.5 for name in ("learnt", "ideal")]
    found["way_to_ideal"] = round(way[0] / way[1], 3)
    found["pieces"] = round(float(np.mean([int(p.ids_mask.sum()) for p in unseen])))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", default="standard", choices=sorted(PROFILES))
    parser.add_argument("--seconds", type=float, default=100.0)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    tiny = load("tiny")
    data = structs.replace(
        tiny.data, profile=options.profile, seconds=options.seconds, branches=("text",), easier=""
    )
    recipe = structs.replace(tiny, data=data, compute=structs.replace(tiny.compute, threads=1))
    runs = [read(structs.replace(recipe, seed=seed)) for seed in range(options.seeds)]
    about = {"profile": options.profile, "seconds": options.seconds, "texts": data.texts, "unseen": UNSEEN}
    record.write("text_branch", {**about, "threads": 1, "runs": runs})


if __name__ == "__main__":
    main()
