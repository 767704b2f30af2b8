"""Windows for training: contiguous, at random ends, some of them not yet full, as a live buffer sees them.

Augmentation keeps the meaning: mirrored people, a box that fits more or less tightly, groups and stretches
that the tracker lost.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from stream.contract import BRANCHES, Window
from stream.skeleton import GROUPS, MIRROR
from training.config import Dropping, Stage, Target
from training.dataset import Prepared
from training.model.fused import Batch

ZOOM, SHIFT = 0.12, 0.06  # standard deviations of the box: log size, place


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """A stretch of a recording, ticks start..stop−1."""

    source: Prepared
    start: int
    stop: int


def random_cuts(
    sources: Sequence[Prepared], stage: Stage, window: Window, count: int, rng: np.random.Generator
) -> list[Cut]:
    """``count`` stretches of about one length (drawn log-uniformly); a share of them only partly filled."""
    low, high = (math.log(s * window.rate) for s in stage.seconds)
    length = min(round(math.exp(rng.uniform(low, high))), window.poses)
    cuts = []
    for _ in range(count):
        source = sources[int(rng.integers(len(sources)))]
        n = min(length, source.ticks)
        if rng.random() < stage.partial:
            n = max(round(n * rng.uniform(0.2, 1.0)), 1)
        stop = int(rng.integers(n, source.ticks + 1))
        cuts.append(Cut(source, stop - n, stop))
    return cuts


def target_of(cut: Cut, target: Target) -> float:
    """Probability of win that the window is told to say."""
    recording = cut.source.recording
    if target.kind == "label" and not cut.source.mixed:
        return float(recording.label)
    evidence = recording.evidence(cut.start, cut.stop) * target.temper
    return 1 / (1 + math.exp(-min(max(evidence, -target.limit), target.limit)))


def assemble(
    cuts: Sequence[Cut], window: Window, target: Target, branches: Collection[str] = BRANCHES
) -> Batch:
    """Left-padded tensors of the cuts; inputs of branches not asked for stay empty and masked."""
    b, t = len(cuts), max(c.stop - c.start for c in cuts)
    # A stretch touches one slot more where it begins between slots; a full window holds the newest, as live.
    f = min(-(-t // window.stride) + 1, window.features)
    first = cuts[0].source
    groups = {name: torch.zeros(b, t, v.shape[1]) for name, v in first.groups.items()}
    masks = {name: torch.zeros(b, t, dtype=torch.bool) for name in groups}
    features = torch.zeros(b, f, first.features.shape[1])
    feature_mask = torch.zeros(b, f, dtype=torch.bool)
    moments = torch.zeros(b, t)
    for i, cut in enumerate(cuts):
        source, n = cut.source, cut.stop - cut.start
        moments[i, t - n :] = source.moments[cut.start : cut.stop]
        if "keypoints" in branches:
            for name in groups:
                groups[name][i, t - n :] = source.groups[name][cut.start : cut.stop]
                masks[name][i, t - n :] = source.masks[name][cut.start : cut.stop]
        if "image" in branches:
            newest = (cut.stop - 1) // window.stride + 1
            slots = slice(max(cut.start // window.stride, newest - f), newest)
            rows = slots.stop - slots.start
            features[i, f - rows :] = source.features[slots]
            feature_mask[i, f - rows :] = source.feature_mask[slots]
    return Batch(
        groups=groups,
        masks=masks,
        features=features,
        feature_mask=feature_mask,
        ids=torch.stack([c.source.ids for c in cuts]),
        ids_mask=torch.stack([c.source.ids_mask for c in cuts]) & ("text" in branches),
        moments=moments,
        target=torch.tensor([target_of(c, target) for c in cuts]),
        weight=torch.tensor([c.source.weight for c in cuts]),
    )


def augment(batch: Batch, dropping: Dropping, rng: np.random.Generator) -> Batch:
    """Mirror half the windows, refit the box, lose groups and stretches; changes the batch in place."""
    b, t = len(batch.target), next(iter(batch.masks.values())).shape[1]
    generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
    flip = torch.rand(b, generator=generator) < 0.5
    zoom = torch.exp(ZOOM * torch.randn(b, 1, 1, 2, generator=generator))
    shift = SHIFT * torch.randn(b, 1, 1, 2, generator=generator)
    for name, x in batch.groups.items():
        x[flip] = mirrored(x[flip], name)
        refit(x, name, zoom, shift)
    _lose(batch, dropping, rng, b, t)
    for name, x in batch.groups.items():
        x *= batch.masks[name][..., None]
    return batch


def mirrored(x: Tensor, group: str) -> Tensor:
    """The same ticks of the mirrored person, [B, T, width]: points swapped, x turned round, zeros kept."""
    span = GROUPS[group]
    swap = torch.tensor([MIRROR[i] - span.start for i in range(span.start, span.stop)])
    points = x.unflatten(-1, (len(swap), x.shape[-1] // len(swap)))[..., swap, :].clone()
    place = points[..., 0]
    points[..., 0] = torch.where(place == 0, place, 1 - place)
    points[..., 2::2] *= -1
    return points.reshape(x.shape)


def refit(x: Tensor, group: str, zoom: Tensor, shift: Tensor) -> None:
    """Values as under another box, in place: positions move and scale, displacements scale; zeros stay."""
    span = GROUPS[group]
    count = span.stop - span.start
    points = x.view(*x.shape[:2], count, x.shape[-1] // count // 2, 2)
    there = points[..., 0, :] != 0
    points *= zoom[:, :, :, None]
    points[..., 0, :] += (0.5 * (1 - zoom) + shift) * there


def _lose(batch: Batch, dropping: Dropping, rng: np.random.Generator, b: int, t: int) -> None:
    for i in range(b):
        for mask in batch.masks.values():
            if rng.random() < dropping.group:
                mask[i] = False
        if rng.random() < dropping.gap:
            n = int(rng.integers(1, max(t // 4, 2)))
            at = int(rng.integers(0, t - n + 1))
            for mask in batch.masks.values():
                mask[i, at : at + n] = False


def drop_branches(present: Tensor, dropping: Dropping, rng: np.random.Generator) -> Tensor:
    """Modality dropout on ``present`` bool [B, 3]; a window never loses its last branch."""
    chances = np.array([getattr(dropping, name) for name in BRANCHES])
    kept = present & torch.from_numpy(rng.random(tuple(present.shape)) >= chances)
    # Where nothing is left, everything that was there stays.
    return torch.where(kept.any(1, keepdim=True), kept, present)
