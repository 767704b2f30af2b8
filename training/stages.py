"""The two stages: each modality alone, then all together with pseudo-labelled recordings added.

Paper: hidden-emotion paper, training section. Modality dropout and absent vectors in stage 2 are ours.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from stream.contract import BRANCHES
from training.config import Recipe, Stage
from training.dataset import Corpus, Prepared
from training.loop import Log, run
from training.losses import focal
from training.model.fused import Batch, Fused
from training.sampling import assemble, augment, drop_branches, random_cuts

Draw = Callable[[], Batch]


def pretrain(model: Fused, corpus: Corpus, recipe: Recipe, log: Log) -> None:
    """Stage 1: every branch that the corpus can feed learns with a head of its own; focal loss."""
    fit_inputs(model, [*corpus.labelled, *corpus.warped], recipe)
    stage = recipe.pretrain
    rng = np.random.default_rng([recipe.seed, 1])
    for branch in BRANCHES:
        pool, first = _pools(corpus, branch)
        if not pool:
            continue
        parts = [getattr(model, branch), model.heads[branch]]
        if stage.moments and branch in model.moment_heads:
            parts.append(model.moment_heads[branch])
        if first:  # a curriculum: the easier people first
            third = _shorter(stage, stage.steps // 3)
            _alone(f"pretrain {branch}, easier", model, branch, parts, first, recipe, third, rng, log)
        _alone(f"pretrain {branch}", model, branch, parts, pool, recipe, stage, rng, log)


def finetune(model: Fused, corpus: Corpus, recipe: Recipe, log: Log) -> None:
    """Stage 2: the whole model with a small learning rate, pseudo-labelled recordings among the rest."""
    stage = recipe.finetune
    rng = np.random.default_rng([recipe.seed, 2])
    draw = _drawer(_mixed([*corpus.labelled, *corpus.pseudo], corpus.warped, recipe), recipe, stage, rng)

    def step() -> Tensor:
        batch = draw()
        present = drop_branches(batch.present, recipe.dropping, rng)
        branches = [name for i, name in enumerate(BRANCHES) if present[:, i].any()]
        logit = model.fuse(model.vectors(batch, branches), present)
        return _focal(logit, batch, stage)

    run("finetune", model, _parts(model, corpus), step, stage, log)


def fit_inputs(model: Fused, sources: Sequence[Prepared], recipe: Recipe) -> None:
    """Standardise keypoint values with statistics of (a sample of) the training recordings."""
    for name, spatial in model.keypoints.spatial.items():
        rows = torch.cat([s.groups[name][s.masks[name]][::25].float() for s in sources])
        if len(rows):
            spatial.fit(rows, recipe.window.values)


def _pools(corpus: Corpus, branch: str) -> tuple[list[list[Prepared]], list[list[Prepared]]]:
    """Recordings that feed a branch, by origin; and the easier ones."""
    feeds = {
        "keypoints": lambda s: True,
        "image": lambda s: bool(s.feature_mask.any()),
        "text": lambda s: bool(s.ids_mask.any()),
    }[branch]
    pools = [[s for s in pool if feeds(s)] for pool in (corpus.labelled, corpus.warped)]
    easier = [s for s in corpus.easier if feeds(s)]
    return [pool for pool in pools if pool], [easier] if easier else []


def _mixed(simulated: list[Prepared], warped: list[Prepared], recipe: Recipe) -> list[list[Prepared]]:
    return [pool for pool in (simulated, warped) if pool]


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
        true = batch.moments
        if branch == "image":  # the newest slot may be young: its moment is the newest tick's
            true = true.flip(1)[:, :: recipe.window.stride].flip(1)
            true = nn.functional.pad(true, (said.shape[1] - true.shape[1], 0))
        help = ((said - true).square() * mask).sum() / mask.sum().clamp(min=1)
        return _focal(logit, batch, stage) + stage.moments * help

    run(name, model, parts, step, stage, log)


def _focal(logit: Tensor, batch: Batch, stage: Stage) -> Tensor:
    return focal(logit, batch.target, gamma=stage.gamma, alpha=stage.alpha, weight=batch.weight)


def _parts(model: Fused, corpus: Corpus) -> list[nn.Module]:
    return [*(getattr(model, branch) for branch in BRANCHES), model.fusion]


def _shorter(stage: Stage, steps: int) -> Stage:
    values = {name: getattr(stage, name) for name in stage.__struct_fields__}
    return Stage(**{**values, "steps": steps})
