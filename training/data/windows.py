"""Batches by number: batch k of a phase depends only on (seed, phase, k).

So a resumed run gets the same batches after step k, whether the loop or worker processes draw them.
"""

import os
import zlib
from collections.abc import Iterator, Sequence
from typing import Protocol, Self, TypeVar

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from stream.bundle.manifest import BRANCHES
from training.config import Recipe, Stage
from training.data.augment import augment, drop_branches
from training.data.prepared import Prepared
from training.data.sampling import assemble, random_cuts
from training.model.batch import Batch


class Movable(Protocol):
    """A batch of any kind that can be moved to a device."""

    def to(self, device: torch.device) -> Self: ...


Kind = TypeVar("Kind", covariant=True)


class Batches(Protocol[Kind]):
    """Batches by number, of windows or other training data."""

    phase: str
    stage: Stage

    def __getitem__(self, k: int) -> Kind: ...

    def since(self, step: int) -> Iterator[Kind]:
        """Batches from ``step`` to the end of the phase."""
        ...


def generator(seed: int, phase: str, step: int, rank: int = 0) -> np.random.Generator:
    """The random generator of one step of one process."""
    return np.random.default_rng([seed, zlib.crc32(phase.encode()), step, rank])


class Windows(Dataset[Batch]):
    """Batches of a phase, from one pool of recordings, or from two in the recipe's proportion.

    ``drop`` enables modality dropout; ``augmented`` is disabled for validation. With several processes each
    draws its own batches, by ``rank``.
    """

    def __init__(
        self,
        phase: str,
        pools: Sequence[Sequence[Prepared]],
        recipe: Recipe,
        stage: Stage,
        branches: Sequence[str] = BRANCHES,
        *,
        drop: bool = False,
        augmented: bool = True,
        rank: int = 0,
    ) -> None:
        self.phase, self.pools, self.recipe, self.stage = phase, [p for p in pools if p], recipe, stage
        self.branches, self.drop, self.augmented, self.rank = tuple(branches), drop, augmented, rank

    def __len__(self) -> int:
        return self.stage.steps

    def __getitem__(self, k: int) -> Batch:
        recipe, stage = self.recipe, self.stage
        rng = generator(recipe.seed, self.phase, k, self.rank)
        pool = self.pools[int(len(self.pools) > 1 and rng.random() < recipe.data.warped_share)]
        cuts = random_cuts(pool, stage, recipe.window, stage.batch, rng)
        batch = assemble(cuts, recipe.window, recipe.target, self.branches)
        if self.augmented and "keypoints" in self.branches:
            batch = augment(batch, recipe.dropping, rng)
        batch.kept[:] = drop_branches(batch.present, recipe.dropping, rng) if self.drop else batch.present
        return batch

    def since(self, step: int) -> Iterator[Batch]:
        """Batches from ``step`` to the end of the phase, prefetched by worker processes if there are any."""
        workers = min(self.recipe.compute.workers, os.cpu_count() or 1)
        loader = DataLoader(
            self,
            batch_size=None,
            sampler=range(step, len(self)),
            num_workers=workers,
            prefetch_factor=4 if workers else None,
        )
        return iter(loader)
