"""Training of ring mode: each branch at every position of whole windows, then all branches jointly.

Full mode is trained first (`training.learning.stages`) and initialises the parts that read single ticks.
"""

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from training.config import Recipe, Stage
from training.data.prepared import Pools, Prepared
from training.data.pseudo_labels import apply
from training.learning.loop import Trainer
from training.learning.losses import focal
from training.learning.stages import balanced, known_moments, pools_of, train_jointly, windows_of
from training.model.batch import Batch
from training.model.fused import Fused
from training.model.ring import RingFused

RINGS = ("keypoints", "image")
DELAY = {"keypoints": 7, "image": 1}  # rows until half of a moment's effect has been seen


def train(trainer: Trainer, model: RingFused, full: Fused, pools: Pools, branches: list[str]) -> None:
    """Train ``model`` like ``full``; ``branches`` are the trained ones."""
    recipe = trainer.recipe
    trainer.once("ring begins", lambda: model.init_from(full))
    people = [*pools.labelled, *apply(pools.pseudo, pools.confidences, recipe.weak)]
    learning = replace(pools, labelled=people)
    for branch in RINGS:
        learnt = pools_of(learning, branch)
        if branch in branches and learnt:
            _train_branch(trainer, model, full, branch, learnt)
    trainer.once("ring fusion", lambda: model.start_fusion(branches))
    if recipe.ring.together.steps:
        # The text branch is the full mode's own: both read the same graph.
        train_jointly(trainer, model, "ring together", people, pools, recipe.ring.together, RINGS)


def _train_branch(
    trainer: Trainer, model: RingFused, full: Fused, branch: str, learnt: list[list[Prepared]]
) -> None:
    recipe = trainer.recipe
    stage = balanced(recipe.ring.course, learnt)
    full = full.to(trainer.accelerator.device).eval()

    def loss(batch: Batch) -> Tensor:
        logits, moments, seen = model.course(branch, batch)
        total = course_loss(branch, logits, moments, seen, batch, stage, recipe)
        if recipe.ring.distil:
            with torch.no_grad():
                teacher = full.alone(branch, batch).sigmoid()
            newest = focal(logits[:, -1], teacher, gamma=0.0, weight=batch.weight)
            total = total + recipe.ring.distil * newest
        return total

    parts = [getattr(model, branch), model.heads[branch], model.moment_heads[branch]]
    windows = windows_of(trainer, f"ring {branch}", learnt, stage, (branch,))
    trainer.once(
        f"ring level {branch}", lambda: model.rescale(branch, windows[0].to(trainer.accelerator.device))
    )
    trainer.fit(parts, loss, windows)


def course_loss(
    branch: str, logits: Tensor, moments: Tensor, seen: Tensor, batch: Batch, stage: Stage, recipe: Recipe
) -> Tensor:
    """Focal loss of every position against its running target, with larger weights for later positions, plus
    the squared error of the first layer's predictions of past moments. All [B, T or F]."""
    is_image = branch == "image"
    course, true = (batch.slot_course, batch.slot_moments) if is_image else (batch.course, batch.moments)
    rows = logits.shape[1]
    share = torch.arange(1, rows + 1, device=logits.device) / rows
    weight = share**recipe.ring.later * seen * batch.weight[:, None]
    flat = (x.flatten() for x in (logits, course))
    loss = focal(*flat, gamma=stage.gamma, alpha=stage.alpha, weight=weight.flatten())
    if not recipe.ring.moments:
        return loss
    past = F.pad(true, (DELAY[branch], 0))[:, :rows]
    known = known_moments(seen, true)
    error = ((moments - past).square() * known).sum() / known.sum().clamp(min=1)
    return loss + recipe.ring.moments * error
