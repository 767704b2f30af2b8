"""Label-preserving augmentation: mirroring, jitter of the box, loss of groups and stretches, modality
dropout."""

import numpy as np
import torch
from torch import Tensor

from stream.bundle.manifest import BRANCHES
from stream.skeleton import GROUPS, MIRROR
from training.config import Dropping
from training.model.batch import Batch

ZOOM, SHIFT = 0.12, 0.06  # standard deviations of the box's log size and position


def augment(batch: Batch, dropping: Dropping, rng: np.random.Generator) -> Batch:
    """Mirror half the windows, jitter the box, drop groups and stretches; changes the batch in place."""
    b, t = len(batch.target), next(iter(batch.masks.values())).shape[1]
    generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
    flip = torch.rand(b, generator=generator) < 0.5
    zoom = torch.exp(ZOOM * torch.randn(b, 1, 1, 2, generator=generator))
    shift = SHIFT * torch.randn(b, 1, 1, 2, generator=generator)
    for name, x in batch.groups.items():
        x[flip] = mirrored(x[flip], name)
        refit(x, name, zoom, shift)
    _drop(batch, dropping, rng, b, t)
    for name, x in batch.groups.items():
        x *= batch.masks[name][..., None]
    return batch


def mirrored(x: Tensor, group: str) -> Tensor:
    """The mirrored person, [B, T, width]: left and right points swapped, x mirrored, zeros unchanged."""
    span = GROUPS[group]
    swap = torch.tensor([MIRROR[i] - span.start for i in range(span.start, span.stop)])
    points = torch.unflatten(x, -1, (len(swap), x.shape[-1] // len(swap)))[..., swap, :].clone()
    place = points[..., 0]
    points[..., 0] = torch.where(place == 0, place, 1 - place)
    points[..., 2::2] *= -1
    return points.reshape(x.shape)


def refit(x: Tensor, group: str, zoom: Tensor, shift: Tensor) -> None:
    """Values for another box, in place: positions move and scale, displacements scale, zeros stay."""
    span = GROUPS[group]
    count = span.stop - span.start
    points = x.view(*x.shape[:2], count, x.shape[-1] // count // 2, 2)
    valid = points[..., 0, :] != 0
    points *= zoom[:, :, :, None]
    points[..., 0, :] += (0.5 * (1 - zoom) + shift) * valid


def _drop(batch: Batch, dropping: Dropping, rng: np.random.Generator, b: int, t: int) -> None:
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
    """Modality dropout on ``present`` bool [B, 3]; at least one branch of a window remains."""
    chances = np.array([getattr(dropping, name) for name in BRANCHES])
    kept = present & torch.from_numpy(rng.random(tuple(present.shape)) >= chances)
    # A window that would lose all branches keeps all.
    return torch.where(kept.any(1, keepdim=True), kept, present)
