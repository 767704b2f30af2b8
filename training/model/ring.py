"""The network of ring mode: causal keypoint and image branches, the text branch, and a fusion."""

import math
from typing import cast

import torch
from torch import Tensor, nn

from export.modules.branches import Cross, Fusion, Text
from export.modules.ring import Ring, RingLayer, StackedLinear, bands_of, normed, periods
from export.modules.ring_branches import RingBranch
from export.modules.traceable import Encoder, Layer
from stream.bundle.manifest import BRANCHES, Window
from stream.skeleton import GROUPS
from training.config import Model, Temporal
from training.config import Ring as Sizes
from training.model.batch import Batch
from training.model.fused import Branches, Fused, trimmed
from training.model.spatial import build_spatial
from training.model.text import build_bert

FEATURES = "features"  # the image branch's one stream
FAR = 8.0  # difference of scores between a row in mid-period and the oldest row of the band


class RingFused(Branches):
    """As wide as full mode's network, with the depth and readout of the recipe's ``[ring]``."""

    keypoints: RingBranch
    image: RingBranch

    def __init__(self, sizes: Model, ring: Sizes, window: Window, vocabulary: int) -> None:
        super().__init__()
        out, k, i = sizes.out, sizes.keypoints, sizes.image
        spatial = {name: build_spatial(sizes, name, window.values) for name in GROUPS}
        whole = self.whole = ring.pool != "newest"
        body = _ring(len(GROUPS), k, ring, window.poses, 1 / window.rate, sizes.local)
        read = window.poses if whole else ring.readout
        self.keypoints = RingBranch(spatial, body, k.dim, out, read, ring.pool)
        width = sizes.image_features
        embed = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, i.dim))
        shown = _ring(1, i, ring, window.features, window.stride / window.rate, 0)
        read = window.features if whole else ring.readout
        self.image = RingBranch({FEATURES: embed}, shown, i.dim, out, read, ring.pool)
        self.text = Text(build_bert(sizes.text, vocabulary), sizes.text.dim, out)
        cross = Cross(out, sizes.fusion_dropout) if sizes.fusion == "cross" else None
        self.fusion = Fusion(out, sizes.fusion_dropout, cross)
        self.heads = nn.ModuleDict({name: nn.Linear(out, 1) for name in BRANCHES})
        widths = {"keypoints": len(GROUPS) * k.dim, "image": i.dim}
        self.moment_heads = nn.ModuleDict({name: nn.Linear(width, 1) for name, width in widths.items()})

    @torch.no_grad()
    def init_from(self, full: Fused) -> None:
        """Copy the spatial encoders, the convolutions over neighbouring ticks, the first layers, and the text
        branch with its head from the full network. Attention has other positions here, so the copies are only
        a starting point. Without a pool most heads of the upper layers start by attending to the far end of
        their band; a pool over the whole window reads it as full mode does, so the readout is copied too."""
        for name in GROUPS:
            self.keypoints.streams[name].load_state_dict(full.keypoints.spatial[name].state_dict())
        for mine, name in zip(self.keypoints.ring.local, GROUPS, strict=False):
            mine.load_state_dict(full.keypoints.local[name].state_dict())
        self.image.streams[FEATURES].load_state_dict(full.image.embed.state_dict())
        for ring, encoders in (
            (self.keypoints.ring, [full.keypoints.temporal[name] for name in GROUPS]),
            (self.image.ring, [full.image.temporal]),
        ):
            for stream, encoder in enumerate(encoders):
                for mine, theirs in zip(ring.layers, cast(Encoder, encoder).layers, strict=False):
                    _copy_layer(cast(RingLayer, mine), stream, cast(Layer, theirs))
            copied = len(cast(Encoder, encoders[0]).layers) if self.whole else 1
            for layer in list(ring.layers)[copied:]:
                if self.whole:
                    _init_identity(cast(RingLayer, layer))
                else:
                    _attend_far(cast(RingLayer, layer), ring.step_s)
        if self.whole:
            self._copy_readout(full)
        self.text.load_state_dict(full.text.state_dict())
        self.heads["text"].load_state_dict(full.heads["text"].state_dict())

    def _copy_readout(self, full: Fused) -> None:
        """Copy projections, absent vectors and heads. The scales of the full mode's last norms are folded
        into the projection behind the mean."""
        for name, mine, theirs, encoders, absent in (
            (
                "keypoints",
                self.keypoints,
                full.keypoints.project,
                [full.keypoints.temporal[group] for group in GROUPS],
                [full.keypoints.absent[group] for group in GROUPS],
            ),
            ("image", self.image, full.image.project, [full.image.temporal], None),
        ):
            norms = [cast(Encoder, encoder).norm for encoder in encoders]
            scale, shift = (torch.cat([getattr(norm, side) for norm in norms]) for side in ("weight", "bias"))
            mine.project.weight.copy_(theirs.weight * scale)
            mine.project.bias.copy_(theirs.bias + theirs.weight @ shift)
            if absent is not None:
                for row, norm, vector in zip(mine.absent, norms, absent, strict=True):
                    row.copy_((vector - norm.bias) / torch.where(norm.weight == 0, 1.0, norm.weight))
            self.heads[name].load_state_dict(full.heads[name].state_dict())

    @torch.no_grad()
    def rescale(self, branch: str, batch: Batch) -> None:
        """Scale the residuals of a branch's upper layers to the size of the rows that they are added to, by
        stream.

        The rows copied from full mode may have any scale, since every reader normalizes them; beside large
        rows the residuals, and so all memory of earlier rows, would hardly matter.
        """
        part, values, masks = self._inputs(branch, batch)
        rows = part.rows(values, masks)[0]
        known = zip(rows, masks, strict=True)
        size = torch.stack([x[mask].std() if mask.any() else x.new_ones(()) for x, mask in known])
        for module in () if self.whole else list(part.ring.layers)[1:]:
            layer = cast(RingLayer, module)
            for side in (layer.out, layer.down):
                side.weight.mul_(size[:, None, None])
                side.bias.mul_(size[:, None, None])

    def course(self, branch: str, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """The logit of ``branch`` alone after every row, [B, T or F]; the evidence that the first layer's
        rows predict for their moments, likewise; and whether any earlier row was valid, bool [B, T or F]."""
        part, values, masks = self._inputs(branch, batch)
        layers = part.rows(values, masks)
        logits = self.heads[branch](part.vectors(layers[-1], masks))[..., 0]
        first = normed(layers[0]).permute(1, 2, 0, 3).flatten(-2)
        seen = torch.stack(masks).any(0).cumsum(1) > 0
        return logits, self.moment_heads[branch](first)[..., 0], seen

    def vector(self, branch: str, batch: Batch) -> Tensor:
        """One branch's vector after the newest row, float32 [B, E]."""
        if branch == "text":
            vector: Tensor = self.text(*trimmed(batch.ids, batch.ids_mask))
            return vector
        part, values, masks = self._inputs(branch, batch)
        return part.vectors(part.rows(values, masks)[-1], masks)[:, -1]

    def _inputs(self, branch: str, batch: Batch) -> tuple[RingBranch, list[Tensor], list[Tensor]]:
        if branch == "keypoints":
            return self.keypoints, list(batch.groups.values()), list(batch.masks.values())
        return self.image, [batch.features], [batch.feature_mask]


def _ring(streams: int, sizes: Temporal, ring: Sizes, span: int, step_s: float, local: int) -> Ring:
    if ring.pool == "newest":
        bands = bands_of(span, ring.layers, local)
    else:
        bands = (max(round(ring.band_s / step_s), 2),) * ring.layers
    return Ring(
        streams,
        sizes.dim,
        sizes.heads,
        sizes.feedforward,
        bands,
        step_s=step_s,
        local=local,
        dropout=sizes.dropout,
    )


def _init_identity(layer: RingLayer) -> None:
    """Initialise a layer that the full mode does not have as the identity."""
    for side in (layer.out, layer.down):
        side.weight.zero_()
        side.bias.zero_()


def _attend_far(layer: RingLayer, step_s: float) -> None:
    """Initialise all heads but the first to attend to the far end of their band.

    Layers that all average their bands weigh the window's ticks like a spline: ticks older than the newest
    band hardly count. A bias on query and key scores a row by its age alone, cos(2π(age − band) / period),
    here with a period over which the score rises along the whole band.
    """
    half, reach = layer.width // 2, layer.band * step_s
    waves = periods(layer.width)
    wave = min(int((waves < 2 * reach).sum()), half - 1)
    phase = 2 * math.pi * reach / float(waves[wave])
    strength = math.sqrt(FAR * layer.width**0.5)
    query, key, _ = layer.into.bias.view(-1, 3, layer.heads, layer.width)[:, :, 1:].unbind(1)
    query[..., wave], query[..., wave + half] = strength, 0.0
    key[..., wave], key[..., wave + half] = strength * math.cos(phase), strength * math.sin(phase)


def _copy_layer(mine: RingLayer, stream: int, theirs: Layer) -> None:
    """Copy a layer of full mode to one stream; its norms' scales are folded into the linear layers after
    them."""
    attention = theirs.attention
    up, down = (cast(nn.Linear, theirs.feed[i]) for i in (0, 2))
    taken: tuple[tuple[StackedLinear, nn.Linear, nn.LayerNorm | None], ...] = (
        (mine.into, attention.into, theirs.norm_a),
        (mine.out, attention.out, None),
        (mine.up, up, theirs.norm_f),
        (mine.down, down, None),
    )
    for side, linear, norm in taken:
        weight: Tensor = linear.weight
        bias: Tensor = linear.bias
        if norm is not None:
            weight, bias = weight * norm.weight, bias + weight @ norm.bias
        side.weight[stream], side.bias[stream, 0] = weight.T, bias
