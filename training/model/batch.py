"""A batch of windows, the input of the networks."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor


# One field per input of the branches, and the targets.
@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Windows of one length, left-padded: the newest tick is the last row.

    ``ages`` and ``feature_ages`` are None if rows are consecutive ticks (or slots).
    """

    groups: dict[str, Tensor]  # float32 [B, T, width]
    masks: dict[str, Tensor]  # bool [B, T]
    ages: Tensor | None  # float32 [B, T], seconds before the window's end
    features: Tensor  # float32 [B, F, D]
    feature_mask: Tensor  # bool [B, F]
    feature_ages: Tensor | None  # float32 [B, F]
    ids: Tensor  # int64 [B, L]
    ids_mask: Tensor  # bool [B, L]
    moments: Tensor  # float32 [B, T], evidence of the true events around each tick; zeros for real people
    slot_moments: Tensor  # float32 [B, F], the same at the tick of each feature slot
    course: Tensor  # float32 [B, T], target after each tick
    slot_course: Tensor  # float32 [B, F], target after each feature slot
    kept: Tensor  # bool [B, 3], branches that modality dropout leaves
    target: Tensor  # float32 [B], 0..1
    weight: Tensor  # float32 [B]

    @property
    def present(self) -> Tensor:
        """bool [B, 3]: which branches have input, in the order of ``BRANCHES``."""
        keypoints = torch.stack([mask.any(1) for mask in self.masks.values()]).any(0)
        return torch.stack((keypoints, self.feature_mask.any(1), self.ids_mask.any(1)), dim=1)

    def to(self, device: torch.device) -> "Batch":
        """The same batch on another device."""
        if device == self.target.device:
            return self
        return self._each(lambda x: x.to(device, non_blocking=True))

    def pin_memory(self) -> "Batch":
        """The same batch in page-locked memory; a data loader calls this."""
        return self._each(lambda x: x.pin_memory())

    def _each(self, act: Callable[[Tensor], Tensor]) -> "Batch":
        moved: dict[str, Any] = {}  # of several types, as the fields
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, dict):
                value = {name: act(x) for name, x in value.items()}
            moved[field.name] = value if value is None or isinstance(value, dict) else act(value)
        return replace(self, **moved)
