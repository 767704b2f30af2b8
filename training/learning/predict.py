"""What a trained model says of whole recordings: several windows or samples of each vote."""

import zlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from stream.branches.calibration import calibrated
from stream.bundle.manifest import BRANCHES, Calibration, Window
from training.config import Recipe
from training.data.prepared import Prepared
from training.data.sampling import Cut, assemble, sparse
from training.evaluation.predictions import Prediction
from training.model.fused import Branches

BATCH = 8


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """What was said of one window."""

    source: Prepared
    logit: float  # before calibration
    present: tuple[str, ...]  # branches that had anything to read
    valid_s: float  # seconds with a person in them


@torch.no_grad()
def hear(
    model: Branches, cuts: Sequence[Cut], recipe: Recipe, branches: Collection[str] = BRANCHES
) -> list[Heard]:
    """The fused logit of every cut, with ``branches`` at most."""
    model.eval()
    device = next(model.parameters()).device
    heard = []
    for first in range(0, len(cuts), BATCH):
        some = cuts[first : first + BATCH]
        batch = assemble(some, recipe.window, recipe.target, branches).to(device)
        present = batch.present
        used = [name for i, name in enumerate(BRANCHES) if present[:, i].any()]
        logits = model.fuse(model.vectors(batch, used), present).double().tolist()
        seen = torch.stack(list(batch.masks.values())).any(0).sum(1).tolist()
        for cut, logit, row, ticks in zip(some, logits, present.tolist(), seen, strict=True):
            there = tuple(name for name, yes in zip(BRANCHES, row, strict=True) if yes)
            # Without keypoints the cut's own length is what was seen.
            heard.append(Heard(cut.source, logit, there, (ticks or cut.rows) / recipe.window.rate))
    return heard


def votes(source: Prepared, recipe: Recipe, stop: int | None = None) -> list[Cut]:
    """The samples of a recording's first ``stop`` ticks (all of them) that vote, by the recipe's sampler.

    ``window``: windows spread evenly, the last one ending at ``stop``; one where all fits into it.
    ``paper``: other ticks each time, drawn by the recording's name. ``history``: one even sample.
    """
    stop, window, count = stop or source.ticks, recipe.window, recipe.inference.votes
    if recipe.inference.sampler == "window":
        rows = min(window.poses, stop)
        ends = sorted(set(np.linspace(rows, stop, count if stop > rows else 1).round().astype(int).tolist()))
        return [Cut(source, end - rows, end) for end in (ends if count > 1 else [stop])]
    kind = recipe.inference.sampler
    count = count if kind == "paper" else 1  # evenly spread ticks are always the same ones
    seeds = (np.random.default_rng([recipe.seed, zlib.crc32(source.name.encode()), k]) for k in range(count))
    return [sparse(source, stop, window.poses, window, kind, rng) for rng in seeds]


def latest(source: Prepared, window: Window, stop: int) -> Cut:
    """What a live buffer holds after ``stop`` ticks."""
    return Cut(source, max(stop - window.poses, 0), stop)


def confidences(model: Branches, sources: Sequence[Prepared], recipe: Recipe) -> dict[str, float]:
    """Chance of win before calibration, by name: what refines pseudo-labels."""
    heard = hear(model, [cut for source in sources for cut in votes(source, recipe)], recipe)
    means = {name: np.mean([h.logit for h in said]) for name, said in _by_name(heard).items()}
    return {name: float(1 / (1 + np.exp(-mean))) for name, mean in means.items()}


def _by_name(heard: Sequence[Heard]) -> dict[str, list[Heard]]:
    found: dict[str, list[Heard]] = {}
    for one in heard:
        found.setdefault(one.source.name, []).append(one)
    return found


def said(heard: Heard, calibration: Calibration, prior: float) -> Prediction:
    """What was said of one window, as a calibrated prediction. ``seconds`` are valid ones."""
    source = heard.source
    return Prediction(
        id=source.name,
        subject=source.recording.subject,
        label=source.recording.label,
        win=calibrated(calibration, heard.logit, heard.present, heard.valid_s, prior),
        logit=heard.logit,
        seconds=heard.valid_s,
    )
