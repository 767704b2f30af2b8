"""Image encoder: DINOv2 → ONNX for portraits of one size, with its positional embedding precomputed.

Paper: DINOv2-Base at 518×518, the CLS token after the final LayerNorm. The portrait is resized to the square
directly; the library's own preprocessing (256, then a centre crop of 224) would cut the hands off.
"""

from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from transformers import Dinov2Model

from export.bundles.untrained import MEAN, STD, freeze_positions
from export.frontends.pictures import pictures
from export.frontends.published import card_of, dinov2, load_weights
from export.frontends.write_model import Precision, write
from export.modules.branches import Portrait
from stream.bundle.model_card import Card, Preprocessing
from stream.errors import UsageError

SOURCE = "facebook/dinov2-base"
Token = Literal["cls", "mean"]


class MeanPortrait(Portrait):
    """The mean of the patch tokens in place of CLS."""

    def forward(self, portrait: Tensor) -> Tensor:
        feature: Tensor = self.dinov2(portrait).last_hidden_state[:, 1:].mean(1)
        return feature


def export_image(
    source: str,
    out: Path,
    *,
    size: int = 518,
    token: Token = "cls",
    precision: Precision = "fp32",
) -> Card:
    """Write the encoder of ``source``, a folder or hub name of DINOv2 weights, for portraits of ``size``.

    Raises UsageError for a size that is no multiple of the patch size, ModelError for unreadable weights.
    """
    model, weights = load_weights(partial(dinov2, attention="eager"), source, "DINOv2")
    patch = model.config.patch_size
    if size <= 0 or size % patch:
        raise UsageError(
            f"--size: expected a multiple of the patches' {patch} pixels, found {size}; choose e.g. "
            f"{37 * patch}."
        )
    before = Preprocessing(
        resize="stretch",
        width=size,
        height=size,
        mean=MEAN,
        std=STD,
        note="RGB in 0..1, minus mean, over std; the portrait resized to the square without cropping",
    )
    rng = np.random.default_rng(0)
    shape = (1, 3, size, size)
    module = (
        MeanPortrait(with_positions(model, size))
        if token == "mean"
        else Portrait(with_positions(model, size))
    )
    return write(
        module,
        {"portrait": torch.from_numpy(rng.normal(0, 1, shape).astype(np.float32))},
        "feature",
        out / f"{Path(source).name}-{size}-{token}-{precision}.onnx",
        card_of(source, weights, precision, kind="image", preprocessing=before, token=token),
        precision=precision,
        cases=[{"portrait": rng.normal(0, 1, shape).astype(np.float32)} for _ in range(2)],
        golden={"pictures": pictures(before)},
    )


def with_positions(model: Dinov2Model, size: int) -> nn.Module:
    """The network with its positional embedding interpolated for ``size``, as the library's forward would."""
    embeddings: Any = model.embeddings
    side = size // int(model.config.patch_size)
    tokens = torch.zeros(1, 1 + side * side, int(model.config.hidden_size))
    with torch.no_grad():
        positions = embeddings.interpolate_pos_encoding(tokens, size, size)
    embeddings.position_embeddings = nn.Parameter(positions.clone(), requires_grad=False)
    return freeze_positions(model)
