"""X-CLIP-Base on 16 frames a video: trained and judged as a line of its own beside the image branch.

Its frames lie in a corpus as ``frames/ID.safetensors`` (``undertone-training extract --frames 16``). Without
published weights (``[video] source``) this exercises the architecture and orders nothing.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from msgspec import structs
from safetensors.torch import load_file
from torch import Tensor

from stream.errors import UsageError
from training.calibrate import fit
from training.cells import PREDICTIONS, Ground
from training.config import Recipe, Stage
from training.corpus.store import Store
from training.dataset import Prepared
from training.evaluation import predictions
from training.evaluation.predictions import Prediction
from training.log import Log
from training.loop import Trainer
from training.losses import focal
from training.materials import Setting
from training.model.xclip import XClip, build_xclip
from training.weak import apply
from training.windows import generator

FRAMES = "frames"
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
    """Batches by number, as ``training.windows.Windows`` has them for the other branches."""

    def __init__(self, phase: str, people: Sequence[Prepared], store: Store, recipe: Recipe, stage: Stage):
        self.phase, self.people, self.store, self.recipe, self.stage = phase, people, store, recipe, stage

    def __getitem__(self, k: int) -> Clips:
        rng = generator(self.recipe.seed, self.phase, k)
        chosen = [self.people[i] for i in rng.integers(len(self.people), size=self.stage.batch)]
        return clips(self.store, chosen)

    def since(self, step: int) -> Iterator[Clips]:
        return (self[k] for k in range(step, self.stage.steps))


def clips(store: Store, people: Sequence[Prepared]) -> Clips:
    """Frames of these people's videos. UsageError for a corpus that was extracted without frames."""
    frames = []
    for person in people:
        path = store.folder / FRAMES / f"{person.name}.safetensors"
        if not path.exists():
            raise UsageError(
                f"{path}: expected 16 frames of the video, found none; "
                "extract the corpus with `undertone-training extract --frames 16`."
            )
        frames.append(load_file(path)["frames"].permute(0, 3, 1, 2))
    targets = [p.recording.label if p.said is None else p.said for p in people]
    return Clips(
        torch.stack(frames),
        torch.tensor(targets, dtype=torch.float32),
        torch.tensor([p.weight for p in people]),
    )


def run_xclip(recipe: Recipe, ground: Ground, setting: Setting, out: Path) -> list[Prediction]:
    """Train (unless done) with the steps and rate of stage 1, calibrate, judge the test people."""
    if (out / PREDICTIONS).exists():
        return predictions.read(out / PREDICTIONS)
    store, materials = ground.store, ground.materials(recipe, setting)
    pools = materials.pools
    torch.manual_seed(recipe.seed)
    model = build_xclip(recipe.video)
    trainer = Trainer(model, recipe, out, Log(out / "log.jsonl"))
    people = [*pools.labelled, *apply(pools.pseudo, pools.confidences, recipe.weak)]
    stage = structs.replace(recipe.pretrain, validate_every=0)

    def loss(batch: Clips) -> Tensor:
        logit = model.alone(batch.frames)
        return focal(logit, batch.target, gamma=stage.gamma, alpha=stage.alpha, weight=batch.weight)

    trainer.fit([model], loss, ClipBatches("pretrain video", people, store, recipe, stage))
    held = _logits(model, store, pools.held_out)
    labels = np.array([p.recording.label for p in pools.held_out], float)
    slope, bias = fit(held, labels, CAP, recipe.calibrating.smooth)
    prior = np.log(recipe.delivery.prior / (1 - recipe.delivery.prior))
    found = [
        Prediction(
            id=p.name,
            subject=p.recording.subject,
            label=p.recording.label,
            win=float(1 / (1 + np.exp(-(slope * logit + bias + prior)))),
            logit=float(logit),
            seconds=p.ticks / recipe.window.rate,
        )
        for p, logit in zip(materials.test, _logits(model, store, materials.test), strict=True)
    ]
    predictions.write(out / PREDICTIONS, found)
    return found


@torch.no_grad()
def _logits(model: XClip, store: Store, people: Iterable[Prepared]) -> np.ndarray:
    model.eval()
    device = next(model.parameters()).device
    return np.array([float(model.alone(clips(store, [p]).to(device).frames)) for p in people])
