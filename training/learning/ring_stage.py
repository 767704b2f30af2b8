"""The ring mode's course: each branch at every position of whole windows, then all of them together.

The full mode is taught before it (`training.learning.stages`) and lends what reads a single tick.
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
from training.learning.stages import balanced, known_moments, pools_of, together, windows_of
from training.model.batch import Batch
from training.model.fused import Fused
from training.model.ring import RingFused

RINGS = ("keypoints", "image")
DELAY = {"keypoints": 7, "image": 1}  # rows after which half of what a moment leaves behind has been seen


def train(trainer: Trainer, model: RingFused, full: Fused, pools: Pools, branches: list[str]) -> None:
    """Teach ``model`` what ``full`` was taught; ``branches`` are those that learnt anything."""
    recipe = trainer.recipe
    trainer.once("ring begins", lambda: model.init_from(full))
    people = [*pools.labelled, *apply(pools.pseudo, pools.confidences, recipe.weak)]
    learning = replace(pools, labelled=people)
    for branch in RINGS:
        learnt = pools_of(learning, branch)
        if branch in branches and learnt:
            _alone(trainer, model, full, branch, learnt)
    trainer.once("ring fusion", lambda: model.start_fusion(branches))
    if recipe.ring.together.steps:
        # The text branch is the full mode's own: both read the same graph.
        together(trainer, model, "ring together", people, pools, recipe.ring.together, RINGS)


def _alone(
    trainer: Trainer, model: RingFused, full: Fused, branch: str, learnt: list[list[Prepared]]
) -> None:
    recipe = trainer.recipe
    stage = balanced(recipe.ring.course, learnt)
    full = full.to(trainer.accelerator.device).eval()

    def loss(batch: Batch) -> Tensor:
        said, moments, seen = model.course(branch, batch)
        found = course_loss(branch, said, moments, seen, batch, stage, recipe)
        if recipe.ring.distil:
            with torch.no_grad():
                wise = full.alone(branch, batch).sigmoid()
            newest = focal(said[:, -1], wise, gamma=0.0, weight=batch.weight)
            found = found + recipe.ring.distil * newest
        return found

    parts = [getattr(model, branch), model.heads[branch], model.moment_heads[branch]]
    windows = windows_of(trainer, f"ring {branch}", learnt, stage, (branch,))
    trainer.once(
        f"ring level {branch}", lambda: model.rescale(branch, windows[0].to(trainer.accelerator.device))
    )
    trainer.fit(parts, loss, windows)


def course_loss(
    branch: str, said: Tensor, moments: Tensor, seen: Tensor, batch: Batch, stage: Stage, recipe: Recipe
) -> Tensor:
    """Focal loss of every position against the target of what was seen by then, later ones weighing more,
    and the squared error of what the first layer says of each moment, once it is past. All [B, T or F]."""
    shown = branch == "image"
    course, true = (batch.slot_course, batch.slot_moments) if shown else (batch.course, batch.moments)
    rows = said.shape[1]
    share = torch.arange(1, rows + 1, device=said.device) / rows
    weight = share**recipe.ring.later * seen * batch.weight[:, None]
    flat = (x.flatten() for x in (said, course))
    found = focal(*flat, gamma=stage.gamma, alpha=stage.alpha, weight=weight.flatten())
    if not recipe.ring.moments:
        return found
    past = F.pad(true, (DELAY[branch], 0))[:, :rows]
    known = known_moments(seen, true)
    error = ((moments - past).square() * known).sum() / known.sum().clamp(min=1)
    return found + recipe.ring.moments * error
