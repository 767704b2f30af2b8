"""Recordings as inputs of a bundle's graphs, for the parity check of the export besides random inputs."""

import numpy as np
from numpy.typing import NDArray

from export.lowering.module_parity import Case
from training.data.prepared import Prepared
from training.data.sampling import Cut, assemble
from training.learning.checkpoint import Checkpoint


def real_cases(checkpoint: Checkpoint, recordings: list[Prepared]) -> dict[str, list[Case]]:
    """Parity cases from recordings: the newest stretch of each in a full-size window, padded as on the live
    side."""
    window = checkpoint.recipe.window
    cases: dict[str, list[Case]] = {"keypoints": [], "image": [], "text": []}
    for source in recordings:
        stop = source.ticks
        batch = assemble([Cut(source, max(stop - window.poses, 0), stop)], window, checkpoint.recipe.target)
        t, f = window.poses, window.features
        groups = {name: _left_pad(v.numpy(), t) for name, v in batch.groups.items()}
        masks = {f"{name}_mask": _left_pad(v.numpy(), t) for name, v in batch.masks.items()}
        cases["keypoints"].append(groups | masks)
        features, mask = (_left_pad(v.numpy(), f) for v in (batch.features, batch.feature_mask))
        cases["image"].append({"features": features, "feature_mask": mask})
        cases["text"].append({"ids": batch.ids.numpy(), "ids_mask": batch.ids_mask.numpy()})
    return cases


def _left_pad(values: NDArray[np.float32], rows: int) -> NDArray[np.float32]:
    """Pad at the start, or drop the oldest rows, to ``rows`` along the second axis."""
    values = values[:, -rows:]
    padding = [(0, 0), (rows - values.shape[1], 0), *[(0, 0)] * (values.ndim - 2)]
    return np.pad(values, padding)
