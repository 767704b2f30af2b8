"""The two training stages: each modality alone, then all jointly with pseudo-labelled recordings added.

Paper: hidden-emotion paper, training section. Modality dropout and absent vectors in stage 2 are ours.
"""

from collections.abc import Sequence
from typing import cast

import numpy as np
import torch
from msgspec import structs
from torch import Tensor, nn

from stream.bundle.manifest import BRANCHES
from training.config import Recipe, Stage
from training.data.prepared import Pools, Prepared, feeds
from training.data.pseudo_labels import apply
from training.data.sampling import win_share
from training.data.windows import Windows
from training.learning.calibration import fit
from training.learning.loop import Trainer
from training.learning.losses import contrastive, focal
from training.learning.predict import confidences
from training.model.batch import Batch
from training.model.fused import Branches, Fused
from training.model.spatial import Spatial

START_BATCHES = 20
THIN, MOST_ROWS = 12, 60_000  # statistics use every 12th tick of a recording, and at most this many rows


def pretrain(trainer: Trainer, model: Fused, pools: Pools) -> None:
    """Stage 1: train every branch that has data, with its own head and focal loss.

    If the recipe says so, and people are simulated so that every event is known, a branch first learns the
    evidence of each moment, since one bit per window is little to learn brief events from.
    """
    recipe = trainer.recipe
    trainer.once("inputs", lambda: fit_inputs(model, [*pools.labelled, *pools.warped], recipe))
    for branch in BRANCHES:
        learnt = pools_of(pools, branch)
        if not learnt:
            continue
        stage = recipe.pretrain
        if branch == "text":  # a description covers a whole recording
            stage = structs.replace(recipe.describe, seconds=(recipe.data.seconds,) * 2, partial=0.0)
            if pools.easier_texts:
                _train_branch(
                    trainer, model, "pretrain text, easier", branch, [pools.easier_texts], stage, pools
                )
            learnt = [pools.texts] if pools.texts else learnt
        elif recipe.moments.steps and _know_moments([*learnt, pools.easier]):
            _learn_moments(trainer, model, pools, branch, learnt)
        _train_branch(trainer, model, f"pretrain {branch}", branch, learnt, stage, pools)


def _know_moments(pools: Sequence[Sequence[Prepared]]) -> bool:
    return any(s.recording.llr is not None for pool in pools for s in pool)


def _learn_moments(
    trainer: Trainer, model: Fused, pools: Pools, branch: str, learnt: list[list[Prepared]]
) -> None:
    """Train the evidence of each row's moment, on easier people first; then initialise the head from it."""
    recipe = trainer.recipe
    stage = recipe.moments
    if branch == "image":  # fewer rows a window, so more windows
        stage = structs.replace(stage, steps=stage.steps * recipe.window.stride)
    easier = [s for s in pools.easier if feeds(s, branch)]

    def loss(batch: Batch) -> Tensor:
        _, predicted, mask = model.moments(branch, batch)
        return moment_loss(branch, predicted, mask, batch)

    parts = [getattr(model, branch), model.moment_heads[branch]]
    easier_stage = structs.replace(stage, steps=round(stage.steps * recipe.data.easier_share))
    courses = (("easier moments", [easier], easier_stage), ("moments", learnt, stage))
    for name, chosen, course in courses:
        if any(chosen):
            trainer.fit(parts, loss, windows_of(trainer, f"{name} {branch}", chosen, course, (branch,)))
    trainer.once(f"head {branch}", lambda: _start_head(trainer, model, branch, learnt))


def moment_loss(branch: str, predicted: Tensor, mask: Tensor, batch: Batch) -> Tensor:
    """Mean squared error of the moments of valid rows, float32 []; 0 where nobody's moments are known."""
    true = batch.slot_moments if branch == "image" else batch.moments
    known = known_moments(mask, true)
    return ((predicted - true).square() * known).sum() / known.sum().clamp(min=1)


def known_moments(mask: Tensor, true: Tensor) -> Tensor:
    """Rows of ``mask`` bool [B, T] in windows whose moments [B, T] are known: of real people none is."""
    return mask & (true != 0).any(1, keepdim=True)


@torch.no_grad()
def _start_head(trainer: Trainer, model: Fused, branch: str, learnt: list[list[Prepared]]) -> None:
    """Set the head of stage 1 to the mean of its rows' outputs, up to a fitted gain."""
    model.eval()
    windows = windows_of(trainer, f"head {branch}", learnt, trainer.recipe.pretrain, (branch,))
    outputs, target = [], []
    for k in range(START_BATCHES):
        batch = windows[k].to(trainer.accelerator.device)
        outputs += model.moment_heads[branch](model.vector(branch, batch))[:, 0].tolist()
        target += batch.target.tolist()
    unit = max(float(np.std(outputs)), 1e-6)
    gain, offset = fit(np.array(outputs) / unit, np.array(target), cap=100.0, smooth=0.05)
    gain /= unit
    source, head = (cast(nn.Linear, heads[branch]) for heads in (model.moment_heads, model.heads))
    head.weight.copy_(gain * source.weight)
    head.bias.copy_(gain * source.bias + offset)


def _train_branch(
    trainer: Trainer,
    model: Fused,
    phase: str,
    branch: str,
    learnt: list[list[Prepared]],
    stage: Stage,
    pools: Pools,
) -> None:
    """Train one branch with its own head, and with the auxiliary losses of the recipe."""
    stage = balanced(stage, learnt)
    has_moments = bool(stage.moments) and branch != "text"

    def loss(batch: Batch) -> Tensor:
        extra: Tensor | float = 0.0
        if has_moments:
            vector, predicted, mask = model.moments(branch, batch)
            extra = stage.moments * moment_loss(branch, predicted, mask, batch)
        else:
            vector = model.vector(branch, batch)
        if stage.contrastive:
            extra = extra + stage.contrastive * contrastive(vector, batch.target > 0.5)
        return _focal(model.heads[branch](vector)[:, 0], batch, stage) + extra

    def plain(batch: Batch) -> Tensor:
        return _focal(model.alone(branch, batch), batch, stage)

    parts: list[nn.Module] = [getattr(model, branch), model.heads[branch]]
    parts += [model.moment_heads[branch]] if has_moments else []
    windows = windows_of(trainer, phase, learnt, stage, (branch,))
    unseen = [s for s in pools.validation if feeds(s, branch)]
    trainer.fit(parts, loss, windows, _validation(trainer, phase, unseen, stage, (branch,)), plain)


def finetune(trainer: Trainer, model: Branches, pools: Pools, branches: Sequence[str]) -> None:
    """Stage 2: the whole model with a small learning rate, pseudo-labelled recordings among the rest.

    ``branches`` were trained in stage 1; the fusion starts as the sum of their logits. With several rounds
    the pseudo-labels of later rounds are the mean of the labeller's and the model's own.
    """
    recipe = trainer.recipe
    trainer.once("fusion", lambda: model.start_fusion(branches))
    given = pools.confidences
    for number in range(recipe.weak.rounds):
        phase, pseudo_labels = "finetune", given
        if number:
            phase = f"finetune, round {number + 1}"
            own = trainer.compute_once(f"{phase}, labels", lambda: confidences(model, pools.pseudo, recipe))
            pseudo_labels = {name: (own[name] + win) / 2 for name, win in given.items()}
        people = [*pools.labelled, *apply(pools.pseudo, pseudo_labels, recipe.weak)]
        train_jointly(trainer, model, phase, people, pools, recipe.finetune)


def train_jointly(
    trainer: Trainer,
    model: Branches,
    phase: str,
    people: list[Prepared],
    pools: Pools,
    stage: Stage,
    learning: Sequence[str] = BRANCHES,
) -> None:
    """Train the fusion and the ``learning`` branches on ``people`` (and films), with modality dropout."""
    learnt = [pool for pool in (people, pools.warped) if pool]
    stage = balanced(stage, learnt)

    def loss(batch: Batch) -> Tensor:
        branches = [name for i, name in enumerate(BRANCHES) if batch.kept[:, i].any()]
        return _focal(model.fuse(model.vectors(batch, branches), batch.kept), batch, stage)

    parts = [*(getattr(model, branch) for branch in learning), model.fusion]
    windows = windows_of(trainer, phase, learnt, stage, BRANCHES, drop=True)
    trainer.fit(parts, loss, windows, _validation(trainer, phase, pools.validation, stage, BRANCHES))


def fit_inputs(model: Fused, sources: Sequence[Prepared], recipe: Recipe) -> None:
    """Fit the standardisation of keypoint values to (a sample of) the training recordings."""
    for name, spatial in model.keypoints.spatial.items():
        rows = torch.cat([s.groups[name][s.masks[name]][::THIN] for s in sources])
        if len(rows):
            cast(Spatial, spatial).fit(rows[:: -(-len(rows) // MOST_ROWS)].float(), recipe.window.values)


def branches_of(pools: Pools) -> list[str]:
    """Branches with input in some training recording."""
    return [name for name in BRANCHES if pools_of(pools, name) or (name == "text" and pools.texts)]


def pools_of(pools: Pools, branch: str) -> list[list[Prepared]]:
    """Recordings with input for a branch, by origin."""
    chosen = [[s for s in pool if feeds(s, branch)] for pool in (pools.labelled, pools.warped)]
    return [pool for pool in chosen if pool]


def balanced(stage: Stage, learnt: Sequence[Sequence[Prepared]]) -> Stage:
    """The stage with, for ``balance = "alpha"``, the focal loss weight that balances the classes.

    A pseudo-labelled recording counts as much as its loss does.
    """
    if stage.balance != "alpha":
        return stage
    return structs.replace(stage, alpha=1 - win_share([s for pool in learnt for s in pool]))


def windows_of(
    trainer: Trainer,
    phase: str,
    pools: list[list[Prepared]],
    stage: Stage,
    branches: Sequence[str],
    *,
    drop: bool = False,
) -> Windows:
    return Windows(phase, pools, trainer.recipe, stage, branches, drop=drop, rank=trainer.rank)


def _validation(
    trainer: Trainer, phase: str, unseen: list[Prepared], stage: Stage, branches: Sequence[str]
) -> Windows | None:
    """Fixed validation windows without augmentation."""
    if not unseen or not stage.validate_every:
        return None
    name = f"{phase}, validation"
    return Windows(name, [unseen], trainer.recipe, stage, branches, augmented=False)


def _focal(logit: Tensor, batch: Batch, stage: Stage) -> Tensor:
    return focal(logit, batch.target, gamma=stage.gamma, alpha=stage.alpha, weight=batch.weight)
