"""A trained model's outputs for recordings, over several windows or samples of each."""

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
class CutOutput:
    """The model's output for one cut."""

    source: Prepared
    logit: float  # before calibration
    present: tuple[str, ...]  # branches with input
    valid_s: float  # seconds with a person


@torch.no_grad()
def run_cuts(
    model: Branches, cuts: Sequence[Cut], recipe: Recipe, branches: Collection[str] = BRANCHES
) -> list[CutOutput]:
    """The fused logit of every cut, using no other than ``branches``."""
    model.eval()
    device = next(model.parameters()).device
    outputs = []
    for first in range(0, len(cuts), BATCH):
        chunk = cuts[first : first + BATCH]
        batch = assemble(chunk, recipe.window, recipe.target, branches).to(device)
        present = batch.present
        used = [name for i, name in enumerate(BRANCHES) if present[:, i].any()]
        logits = model.fuse(model.vectors(batch, used), present).double().tolist()
        seen = torch.stack(list(batch.masks.values())).any(0).sum(1).tolist()
        for cut, logit, row, ticks in zip(chunk, logits, present.tolist(), seen, strict=True):
            branches_present = tuple(name for name, yes in zip(BRANCHES, row, strict=True) if yes)
            # Without keypoints the whole cut counts as seen.
            outputs.append(
                CutOutput(cut.source, logit, branches_present, (ticks or cut.rows) / recipe.window.rate)
            )
    return outputs


def votes(source: Prepared, recipe: Recipe, stop: int | None = None) -> list[Cut]:
    """The cuts of a recording's first ``stop`` ticks (default: all) that vote, by the recipe's sampler.

    ``window``: evenly spread windows, the last one ending at ``stop``; a single one if all ticks fit into it.
    ``paper``: random ticks, seeded by the recording's name. ``history``: one even sample.
    """
    stop, window, count = stop or source.ticks, recipe.window, recipe.inference.votes
    if recipe.inference.sampler == "window":
        rows = min(window.poses, stop)
        ends = sorted(set(np.linspace(rows, stop, count if stop > rows else 1).round().astype(int).tolist()))
        return [Cut(source, end - rows, end) for end in (ends if count > 1 else [stop])]
    kind = recipe.inference.sampler
    count = count if kind == "paper" else 1  # evenly spread ticks do not vary
    seeds = (np.random.default_rng([recipe.seed, zlib.crc32(source.name.encode()), k]) for k in range(count))
    return [sparse(source, stop, window.poses, window, kind, rng) for rng in seeds]


def latest(source: Prepared, window: Window, stop: int) -> Cut:
    """The content of a live buffer after ``stop`` ticks."""
    return Cut(source, max(stop - window.poses, 0), stop)


def confidences(model: Branches, sources: Sequence[Prepared], recipe: Recipe) -> dict[str, float]:
    """Probability of win before calibration, by name; it refines pseudo-labels."""
    outputs = run_cuts(model, [cut for source in sources for cut in votes(source, recipe)], recipe)
    means = {name: np.mean([o.logit for o in group]) for name, group in _by_name(outputs).items()}
    return {name: float(1 / (1 + np.exp(-mean))) for name, mean in means.items()}


def _by_name(outputs: Sequence[CutOutput]) -> dict[str, list[CutOutput]]:
    groups: dict[str, list[CutOutput]] = {}
    for output in outputs:
        groups.setdefault(output.source.name, []).append(output)
    return groups


def to_prediction(output: CutOutput, calibration: Calibration, prior: float) -> Prediction:
    """The output as a calibrated prediction. Its ``seconds`` are valid seconds."""
    source = output.source
    return Prediction(
        id=source.name,
        subject=source.recording.subject,
        label=source.recording.label,
        win=calibrated(calibration, output.logit, output.present, output.valid_s, prior),
        logit=output.logit,
        seconds=output.valid_s,
    )
