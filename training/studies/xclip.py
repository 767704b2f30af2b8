"""X-CLIP-Base on 16 frames per video: trained and evaluated as a baseline of the image branch.

Its frames are stored in a corpus as ``frames/ID.safetensors`` (``undertone-training extract --frames 16``).
Without published weights (``[video] source``) this only exercises the code; the comparison means nothing. A
video that shows nobody has no frames: it is not trained on, and as a test video it gets the prior.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from msgspec import structs
from torch import Tensor

from stream.branches.calibration import sigmoid
from stream.errors import UsageError
from training.config import Recipe, Stage, to_toml
from training.corpus.store import Store
from training.data.materials import Setting
from training.data.prepared import Prepared
from training.data.pseudo_labels import apply
from training.data.sampling import by_class
from training.data.windows import generator
from training.evaluation import predictions
from training.evaluation.predictions import Prediction
from training.extraction import frames as stored
from training.learning.calibration import fit
from training.learning.checkpoint import RECIPE
from training.learning.log import Log
from training.learning.loop import Trainer
from training.learning.losses import focal
from training.learning.stages import balanced
from training.model.xclip import XClip, build_xclip
from training.studies.cells import PREDICTIONS, Ground, check_recipe, read

CAP = 3.0  # largest calibrated logit


@dataclass(frozen=True, slots=True, eq=False)
class Clips:
    """A batch of videos' frames."""

    frames: Tensor  # uint8 [B, 16, 3, 224, 224]
    target: Tensor  # float32 [B]
    weight: Tensor  # float32 [B]

    def to(self, device: torch.device) -> "Clips":
        return Clips(self.frames.to(device), self.target.to(device), self.weight.to(device))


class ClipBatches:
    """Batches by number, like ``training.data.windows.Windows`` for the other branches, with the stage's
    balance of classes."""

    def __init__(self, phase: str, people: Sequence[Prepared], store: Store, recipe: Recipe, stage: Stage):
        self.phase, self.store, self.recipe, self.stage = phase, store, recipe, stage
        self.classes = by_class(people) if stage.balance == "sampler" else [people]

    def __getitem__(self, k: int) -> Clips:
        rng = generator(self.recipe.seed, self.phase, k)
        pools = [self.classes[i] for i in rng.integers(len(self.classes), size=self.stage.batch)]
        chosen = [pool[int(rng.integers(len(pool)))] for pool in pools]
        return clips(self.store, chosen, self.recipe.video.frames)

    def since(self, step: int) -> Iterator[Clips]:
        return (self[k] for k in range(step, self.stage.steps))


def visible(store: Store, people: Sequence[Prepared], count: int) -> list[Prepared]:
    """The people who appear in their videos. Raises UsageError for a corpus without ``count`` frames each."""
    return [p for p in people if len(_frames(store, p, count))]


def _frames(store: Store, person: Prepared, count: int) -> Tensor:
    """Frames of one video, uint8 [count, 3, 224, 224], or [0, ...] if it shows nobody."""
    frames = stored.read(store.folder, person.name, count)
    if frames is None:
        raise UsageError(
            f"{stored.path_of(store.folder, person.name)}: expected {count} frames of the video, found none; "
            f"extract the corpus with `undertone-training extract --frames {count}`."
        )
    return torch.from_numpy(frames).permute(0, 3, 1, 2)


def clips(store: Store, people: Sequence[Prepared], count: int) -> Clips:
    """``count`` frames of each person's video, as a batch."""
    frames = [_frames(store, person, count) for person in people]
    targets = [p.recording.label if p.pseudo_label is None else p.pseudo_label for p in people]
    return Clips(
        torch.stack(frames),
        torch.tensor(targets, dtype=torch.float32),
        torch.tensor([p.weight for p in people]),
    )


def run_xclip(recipe: Recipe, ground: Ground, setting: Setting, out: Path) -> list[Prediction]:
    """Train (unless done) with the steps and rate of stage 1, calibrate, predict for the test people.

    Raises UsageError for a corpus without frames or with nobody in them, and for a finished cell of another
    recipe.
    """
    check_recipe(out, out / RECIPE, recipe)
    if (out / PREDICTIONS).exists():
        return read(out, ground)
    store, materials = ground.store, ground.materials(recipe, setting)
    pools, count = materials.pools, recipe.video.frames
    people = visible(store, [*pools.labelled, *apply(pools.pseudo, pools.confidences, recipe.weak)], count)
    held_out, test = visible(store, pools.held_out, count), visible(store, materials.test, count)
    if not people or not held_out:
        raise UsageError(
            f"{store.folder}: expected people to train on and to calibrate with, found nobody in the frames; "
            "use more videos."
        )
    out.mkdir(parents=True, exist_ok=True)
    (out / RECIPE).write_text(to_toml(recipe))
    torch.manual_seed(recipe.seed)
    model = build_xclip(recipe.video)
    trainer = Trainer(model, recipe, out, Log(out / "log.jsonl"))
    stage = balanced(structs.replace(recipe.pretrain, validate_every=0), [people])

    def loss(batch: Clips) -> Tensor:
        logit = model.alone(batch.frames)
        return focal(logit, batch.target, gamma=stage.gamma, alpha=stage.alpha, weight=batch.weight)

    trainer.fit([model], loss, ClipBatches("pretrain video", people, store, recipe, stage))
    held_out_logits = _logits(model, store, held_out, count)
    labels = np.array([p.recording.label for p in held_out], float)
    slope, bias = fit(held_out_logits, labels, CAP, recipe.calibrating.smooth)
    prior = np.log(recipe.delivery.prior / (1 - recipe.delivery.prior))
    logits = dict(zip((p.name for p in test), _logits(model, store, test, count), strict=True))
    results = [
        Prediction(
            id=p.name,
            subject=p.recording.subject,
            label=p.recording.label,
            win=sigmoid((slope * logits[p.name] + bias if p.name in logits else 0.0) + prior),
            logit=float(logits.get(p.name, 0.0)),
            seconds=p.ticks / recipe.window.rate if p.name in logits else 0.0,
        )
        for p in materials.test
    ]
    predictions.write(out / PREDICTIONS, results)
    return results


@torch.no_grad()
def _logits(model: XClip, store: Store, people: Iterable[Prepared], count: int) -> np.ndarray:
    model.eval()
    device = next(model.parameters()).device
    return np.array([float(model.alone(clips(store, [p], count).to(device).frames)) for p in people])
