"""The whole network of a recipe, with the outputs of its parts for a batch."""

from collections.abc import Callable, Collection
from typing import cast

import torch
from torch import Tensor, nn

from export.modules.branches import Cross, Fusion, Image, Keypoints, Text
from export.modules.traceable import Encoder
from stream.bundle.manifest import BRANCHES, Window
from stream.skeleton import GROUPS
from training.config import Model, Temporal
from training.model.batch import Batch
from training.model.spatial import build_spatial
from training.model.text import build_bert


class Branches(nn.Module):
    """Three branches, their fusion, and the heads of stage 1 (one per branch, not delivered)."""

    keypoints: nn.Module
    image: nn.Module
    text: Text
    fusion: Fusion
    heads: nn.ModuleDict

    def vector(self, branch: str, batch: Batch) -> Tensor:
        """One branch's vector, float32 [B, E]."""
        raise NotImplementedError

    def alone(self, branch: str, batch: Batch) -> Tensor:
        """Stage 1: logit of win of one branch through its own head, [B]."""
        logit: Tensor = self.heads[branch](self.vector(branch, batch))[:, 0]
        return logit

    @torch.no_grad()
    def start_fusion(self, branches: Collection[str]) -> None:
        """Initialise the fusion for stage 2: the fused logit is the sum of the stage-1 logits of the present
        ``branches``, as if they were independent. Other branches contribute nothing yet."""
        fusion, width = self.fusion, self.fusion.absent.shape[1]
        fusion.head.weight.zero_()
        fusion.head.bias.zero_()
        fusion.absent.zero_()
        mix = fusion.mix
        layers = (mix.out, mix.feed[-1]) if isinstance(mix, Cross) else (cast(nn.Sequential, mix)[0],)
        for layer in layers:
            linear = cast(nn.Linear, layer)
            linear.weight.mul_(0.1)  # what the residual path is mixed with begins small
            linear.bias.zero_()
        for i, name in enumerate(BRANCHES):
            if name in branches:
                head = cast(nn.Linear, self.heads[name])
                weight, bias = head.weight[0], head.bias[0]
                fusion.head.weight[0, i * width : (i + 1) * width] = weight
                fusion.head.bias.add_(bias)
                fusion.absent[i] = -bias * weight / weight.square().sum()  # cancels the bias

    def vectors(self, batch: Batch, branches: Collection[str] = BRANCHES) -> dict[str, Tensor]:
        """Vectors of all branches; zeros, without computation, for those not in ``branches``."""
        zeros = batch.target.new_zeros(len(batch.target), self.fusion.absent.shape[1])
        return {name: self.vector(name, batch) if name in branches else zeros for name in BRANCHES}

    def fuse(self, vectors: dict[str, Tensor], present: Tensor, *, bounded: bool = True) -> Tensor:
        """Logit of win, [B], with the branches of ``present`` bool [B, 3]; or what it is before its bound."""
        of = self.fusion if bounded else self.fusion.raw
        keypoints, image, text = (vectors[name] for name in BRANCHES)
        logit: Tensor = of(keypoints, image, text, present)[:, 0]
        return logit


class Fused(Branches):
    """The network of full mode: each branch reads its whole window at once, as in the paper."""

    keypoints: Keypoints
    image: Image

    def __init__(self, sizes: Model, window: Window, vocabulary: int) -> None:
        super().__init__()
        out, k, i = sizes.out, sizes.keypoints, sizes.image
        spatial = {name: build_spatial(sizes, name, window.values) for name in GROUPS}
        streams = {name: _encoder(k) for name in GROUPS}
        self.keypoints = Keypoints(window, spatial, streams, k.dim, out, sizes.local)
        self.image = Image(window, sizes.image_features, _encoder(i), i.dim, out)
        self.text = Text(build_bert(sizes.text, vocabulary), sizes.text.dim, out)
        cross = Cross(out, sizes.fusion_dropout) if sizes.fusion == "cross" else None
        self.fusion = Fusion(out, sizes.fusion_dropout, cross)
        self.heads = nn.ModuleDict({name: nn.Linear(out, 1) for name in BRANCHES})
        self.moment_heads = nn.ModuleDict({name: nn.Linear(out, 1) for name in ("keypoints", "image")})

    def moments(self, branch: str, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Stage 1 with the auxiliary loss: the branch's vector [B, E], each row's predicted evidence
        [B, T or F], and the rows' mask.

        Pooling and projection are linear, so the output of ``moment_heads`` for a vector is the mean of its
        outputs for the rows: a branch that predicts every moment predicts the window, up to a gain.
        """
        if branch == "keypoints":
            values, masks = list(batch.groups.values()), list(batch.masks.values())
            streams = self.keypoints.rows(values, masks, batch.ages)
            vector = self.keypoints.pool(streams, masks)
            parts = zip(GROUPS, streams, masks, strict=True)
            filled = [torch.where(m[..., None], x, self.keypoints.absent[name]) for name, x, m in parts]
            rows = self.keypoints.project(torch.cat(filled, dim=-1))
            mask = torch.stack(masks).any(0)
        else:
            mask = batch.feature_mask
            stream = self.image.rows(batch.features, mask, batch.feature_ages)
            vector, rows = self.image.pool(stream, mask), self.image.project(stream)
        return vector, self.moment_heads[branch](rows)[..., 0], mask

    def vector(self, branch: str, batch: Batch) -> Tensor:
        """One branch's vector, float32 [B, E]."""
        inputs: dict[str, Callable[[], tuple[Tensor | None, ...]]] = {
            "keypoints": lambda: (*batch.groups.values(), *batch.masks.values(), batch.ages),
            "image": lambda: (batch.features, batch.feature_mask, batch.feature_ages),
            "text": lambda: trimmed(batch.ids, batch.ids_mask),
        }
        vector: Tensor = getattr(self, branch)(*inputs[branch]())
        return vector


def trimmed(ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Cut the word pieces to the longest text of the batch, to save computation on padding."""
    n = max(int(mask.sum(1).max()), 1)
    return ids[:, :n], mask[:, :n]


def _encoder(sizes: Temporal) -> Encoder:
    return Encoder(sizes.dim, sizes.layers, sizes.heads, sizes.feedforward, sizes.dropout)
