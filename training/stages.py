"""The two stages: each modality alone, then all together with pseudo-labelled recordings added.

Paper: hidden-emotion paper, training section. Modality dropout and absent vectors in stage 2 are ours.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from msgspec import structs
from torch import Tensor, nn

from stream.contract import BRANCHES
from training.calibrate import fit
from training.config import Recipe, Stage
from training.dataset import Corpus, Prepared
from training.loop import Log, run
from training.losses import focal
from training.model.fused import Batch, Fused
from training.sampling import assemble, augment, drop_branches, random_cuts

Draw = Callable[[], Batch]
START_BATCHES = 20


def pretrain(model: Fused, corpus: Corpus, recipe: Recipe, log: Log) -> None:
    """Stage 1: every branch that the corpus can feed learns with a head of its own; focal loss.

    Where a recipe asks for it, and the corpus is made up so that every event is known, a branch first
    learns what each moment says. One bit a window is little to learn brief events from.
    """
    fit_inputs(model, [*corpus.labelled, *corpus.warped], recipe)
    rng = np.random.default_rng([recipe.seed, 1])
    for branch in BRANCHES:
        pools = _pools(corpus, branch)
        if not pools:
            continue
        stage, parts = recipe.pretrain, [getattr(model, branch), model.heads[branch]]
        if branch == "text":  # a description speaks of a whole recording
            stage = structs.replace(recipe.describe, seconds=(recipe.data.seconds,) * 2, partial=0.0)
            if corpus.easier_texts:
                name, first = "pretrain text, easier", [corpus.easier_texts]
                _alone(name, model, branch, parts, first, recipe, stage, rng, log)
            pools = [corpus.texts] if corpus.texts else pools
        elif recipe.moments.steps:
            learn_moments(model, corpus, branch, pools, recipe, rng, log)
            parts.append(model.moment_heads[branch])
        _alone(f"pretrain {branch}", model, branch, parts, pools, recipe, stage, rng, log)


def learn_moments(
    model: Fused,
    corpus: Corpus,
    branch: str,
    pools: list[list[Prepared]],
    recipe: Recipe,
    rng: np.random.Generator,
    log: Log,
) -> None:
    """What each row says of its moment, on easier people first; then the head takes over what was found."""
    parts = [getattr(model, branch), model.moment_heads[branch]]
    stage = recipe.moments
    if branch == "image":  # fewer rows a window, so more windows
        stage = structs.replace(stage, steps=stage.steps * recipe.window.stride)
    easier = [s for s in corpus.easier if _feeds(s, branch)]
    for name, chosen in (("easier ", [easier] if easier else []), ("", pools)):
        if chosen:
            draw = _drawer(chosen, recipe, stage, rng, (branch,))
            step = _moment_step(model, branch, draw, recipe)
            run(f"{name}moments {branch}", model, parts, step, stage, log)
    _start_head(model, branch, pools, recipe, rng)


def _moment_step(model: Fused, branch: str, draw: Draw, recipe: Recipe) -> Callable[[], Tensor]:
    def step() -> Tensor:
        batch = draw()
        _, said, mask = model.moments(branch, batch)
        return _moment_loss(said, mask, batch, recipe)

    return step


def _moment_loss(said: Tensor, mask: Tensor, batch: Batch, recipe: Recipe) -> Tensor:
    true = batch.moments
    if said.shape[1] != true.shape[1]:  # feature slots: the newest is as old as the newest tick
        true = true.flip(1)[:, :: recipe.window.stride].flip(1)
        true = nn.functional.pad(true, (said.shape[1] - true.shape[1], 0))
    return ((said - true).square() * mask).sum() / mask.sum().clamp(min=1)


def _start_head(
    model: Fused, branch: str, pools: list[list[Prepared]], recipe: Recipe, rng: np.random.Generator
) -> None:
    """Let the head of stage 1 say of a window, up to a fitted gain, the mean of what is said of its rows."""
    draw = _drawer(pools, recipe, recipe.pretrain, rng, (branch,))
    said, target = [], []
    with torch.no_grad():
        for _ in range(START_BATCHES):
            batch = draw()
            said += model.moment_heads[branch](model.vector(branch, batch))[:, 0].tolist()
            target += batch.target.tolist()
        unit = max(float(np.std(said)), 1e-6)
        gain, offset = fit(np.array(said) / unit, np.array(target), cap=100.0, smooth=0.05)
        gain /= unit
        source, head = model.moment_heads[branch], model.heads[branch]
        head.weight.copy_(gain * source.weight)
        head.bias.copy_(gain * source.bias + offset)


def finetune(model: Fused, corpus: Corpus, branches: Sequence[str], recipe: Recipe, log: Log) -> None:
    """Stage 2: the whole model with a small learning rate, pseudo-labelled recordings among the rest.

    ``branches`` learnt in stage 1; the fusion begins as the sum of what they say.
    """
    stage = recipe.finetune
    model.start_fusion(branches)
    rng = np.random.default_rng([recipe.seed, 2])
    pools = [pool for pool in ([*corpus.labelled, *corpus.pseudo], corpus.warped) if pool]
    draw = _drawer(pools, recipe, stage, rng)

    def step() -> Tensor:
        batch = draw()
        present = drop_branches(batch.present, recipe.dropping, rng)
        branches = [name for i, name in enumerate(BRANCHES) if present[:, i].any()]
        logit = model.fuse(model.vectors(batch, branches), present)
        return _focal(logit, batch, stage)

    parts = [*(getattr(model, branch) for branch in BRANCHES), model.fusion]
    run("finetune", model, parts, step, stage, log)


def fit_inputs(model: Fused, sources: Sequence[Prepared], recipe: Recipe) -> None:
    """Standardise keypoint values with statistics of (a sample of) the training recordings."""
    for name, spatial in model.keypoints.spatial.items():
        rows = torch.cat([s.groups[name][s.masks[name]][::25].float() for s in sources])
        if len(rows):
            spatial.fit(rows, recipe.window.values)


def _feeds(source: Prepared, branch: str) -> bool:
    return {
        "keypoints": any(bool(m.any()) for m in source.masks.values()),
        "image": bool(source.feature_mask.any()),
        "text": bool(source.ids_mask.any()),
    }[branch]


def _pools(corpus: Corpus, branch: str) -> list[list[Prepared]]:
    """Recordings that feed a branch, by origin."""
    pools = [[s for s in pool if _feeds(s, branch)] for pool in (corpus.labelled, corpus.warped)]
    return [pool for pool in pools if pool]


def _drawer(
    pools: list[list[Prepared]],
    recipe: Recipe,
    stage: Stage,
    rng: np.random.Generator,
    branches: Sequence[str] = BRANCHES,
) -> Draw:
    """Batches from one pool, or from two in the recipe's share."""
    share = recipe.data.warped_share

    def draw() -> Batch:
        pool = pools[int(len(pools) > 1 and rng.random() < share)]
        cuts = random_cuts(pool, stage, recipe.window, stage.batch, rng)
        batch = assemble(cuts, recipe.window, recipe.target, branches)
        return augment(batch, recipe.dropping, rng) if "keypoints" in branches else batch

    return draw


def _alone(
    name: str,
    model: Fused,
    branch: str,
    parts: list[nn.Module],
    pools: list[list[Prepared]],
    recipe: Recipe,
    stage: Stage,
    rng: np.random.Generator,
    log: Log,
) -> None:
    draw = _drawer(pools, recipe, stage, rng, (branch,))

    def step() -> Tensor:
        batch = draw()
        if not stage.moments or branch == "text":
            return _focal(model.alone(branch, batch), batch, stage)
        logit, said, mask = model.moments(branch, batch)
        return _focal(logit, batch, stage) + stage.moments * _moment_loss(said, mask, batch, recipe)

    run(name, model, parts, step, stage, log)


def _focal(logit: Tensor, batch: Batch, stage: Stage) -> Tensor:
    return focal(logit, batch.target, gamma=stage.gamma, alpha=stage.alpha, weight=batch.weight)
