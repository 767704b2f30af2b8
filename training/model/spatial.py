"""Spatial encoders: the values of one tick → its vector. The paper compares all four; the MLP wins.

float32 [B, T, points × values] → [B, T, dim], the values of each point together: x, y, then displacement
pairs. Without offsets only x and y of each point are read, without places only the displacements; the input
keeps its width.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from stream.errors import UsageError
from stream.skeleton import GROUPS
from training.config import Model
from training.model.graph import HEADS, LAYERS, adjacency

CLIP = 6.0  # standard deviations at which values are clipped, so that one outlier does not dominate
SHARE = 4  # a graph's node has a quarter of the MLP's hidden units: about the same cost per tick
FLAT = 16  # with the readout `flatten`, a sixteenth: about the MLP's number of parameters


class Spatial(nn.Module):
    """Standardisation shared by all encoders, with statistics of the training windows, because displacements
    are a hundred times smaller than positions. A value of exactly 0 means missing and stays 0.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, points: int, values: int, offsets: bool, places: bool = True) -> None:
        super().__init__()
        self.shape, self.offsets = (points, values), offsets
        self.reads = slice(0 if places else 2, values if offsets else 2)
        self.read = self.reads.stop - self.reads.start
        self.register_buffer("mean", torch.zeros(points * values))
        self.register_buffer("scale", torch.ones(points * values))

    def fit(self, rows: Tensor, values: int) -> None:
        """Compute mean and deviation from rows [N, width] with ``values`` per point; zeros do not count.

        Displacements are centred on zero: their mean is left at 0 so that stillness stays 0.
        """
        seen = rows != 0
        count = seen.sum(0).clamp(min=1)
        mean = rows.sum(0) / count
        place = torch.arange(rows.shape[1]) % values < 2  # x, y; the rest are displacements
        mean = torch.where(place, mean, torch.zeros(()))
        deviation = (((rows - mean) * seen).square().sum(0) / count).sqrt()
        finest = deviation[~place if self.offsets else place]
        floor = 0.3 * finest.median().clamp(min=1e-4)
        self.mean.copy_(mean)
        self.scale.copy_(1 / deviation.clamp(min=floor))

    def standardised(self, x: Tensor) -> Tensor:
        """The standardised input of the encoder, float32 [B, T, width] → [B, T, points, values read]."""
        values = ((x - self.mean) * self.scale).clamp(-CLIP, CLIP)
        x = torch.where(x == 0, torch.zeros((), dtype=x.dtype), values)
        return torch.unflatten(x, -1, self.shape)[..., self.reads]


class Mlp(Spatial):
    """Two fully connected layers over all values of a group at once.

    ``whiten`` transforms the values so that those of the training windows are uncorrelated with equal
    variance: the errors of a tracked face are correlated between points and mask brief, small motion. The
    first layer could learn the same, but learns faster this way; ``fold`` merges the transform into that
    layer.
    """

    turn: Tensor

    def __init__(
        self,
        points: int,
        values: int,
        hidden: int,
        dim: int,
        *,
        offsets: bool = True,
        places: bool = True,
        whiten: bool = False,
    ) -> None:
        super().__init__(points, values, offsets, places)
        width = points * self.read
        self.into = nn.Linear(width, hidden)
        self.out = nn.Linear(hidden, dim)
        self.register_buffer("turn", torch.eye(width) if whiten else torch.empty(0, 0))

    def fit(self, rows: Tensor, values: int) -> None:
        super().fit(rows, values)
        if self.turn.numel():
            x = self.standardised(rows).flatten(-2).double()
            variances, axes = torch.linalg.eigh(x.T @ x / len(x))
            # With few rows some directions have little variance by chance, so shrink towards the identity.
            shrink = x.shape[1] / (x.shape[1] + len(x))
            variances = (1 - shrink) * variances + shrink
            self.turn.copy_((axes / variances.sqrt()) @ axes.T)

    @torch.no_grad()
    def fold(self) -> None:
        """Merge the whitening transform into the first layer; the function stays the same."""
        if self.turn.numel():
            self.into.weight.copy_(self.into.weight @ self.turn)
            self.turn = torch.empty(0, 0)

    def forward(self, x: Tensor) -> Tensor:
        weight = self.into.weight @ self.turn if self.turn.numel() else self.into.weight
        inner = nn.functional.linear(self.standardised(x).flatten(-2), weight, self.into.bias)
        rows: Tensor = self.out(nn.functional.gelu(inner))
        return rows


class Graph(Spatial):
    """Two graph layers (``gcn``, ``gat``, ``gin``) along the bones, a readout, a projection.

    The readout ``flatten`` concatenates all nodes (hidden-emotion paper, spatial modelling); ``mean`` is the
    usual readout of graph classifiers, but cannot distinguish a brow from a lip, whose nodes share all
    weights. Since the nodes are fixed, ours starts as the mean and learns a weight per node and channel. All
    points count, missing ones with zero inputs.
    """

    def __init__(
        self,
        kind: str,
        group: str,
        values: int,
        hidden: int,
        dim: int,
        *,
        offsets: bool = True,
        places: bool = True,
        readout: Literal["flatten", "mean"] = "flatten",
    ) -> None:
        links, layer, channels = adjacency(group), LAYERS[kind], hidden // SHARE
        super().__init__(len(links), values, offsets, places)
        flat = max(hidden // FLAT // HEADS, 1) * HEADS
        last = flat if readout == "flatten" else channels
        self.layers = nn.Sequential(layer(links, self.read, channels), layer(links, channels, last))
        if readout == "mean":
            self.weigh = nn.Parameter(torch.full((len(links), channels), 1 / len(links)))
        self.readout = readout
        self.out = nn.Linear(last * (len(links) if readout == "flatten" else 1), dim)

    def nodes(self, x: Tensor) -> Tensor:
        """Each node's vector before the readout, [B, T, points, channels]."""
        nodes: Tensor = self.layers(self.standardised(x))
        return nodes

    def forward(self, x: Tensor) -> Tensor:
        nodes = self.nodes(x)
        read = nodes.flatten(-2) if self.readout == "flatten" else (nodes * self.weigh).sum(-2)
        rows: Tensor = self.out(read)
        return rows


def build_spatial(sizes: Model, group: str, values: int) -> Mlp | Graph:
    """The recipe's encoder of one keypoint group, with ``values`` per point.

    Raises UsageError if ``hidden`` is not divisible by nodes and heads.
    """
    dim, reads = sizes.keypoints.dim, {"offsets": sizes.offsets, "places": sizes.places}
    if not any(reads.values()):
        raise UsageError(
            "expected model.offsets or model.places, found neither; let the encoder read one of them."
        )
    if sizes.spatial == "mlp":
        part = GROUPS[group]
        return Mlp(part.stop - part.start, values, sizes.hidden, dim, **reads, whiten=sizes.whiten)
    unit = SHARE * HEADS
    if sizes.hidden < unit or sizes.hidden % unit:
        raise UsageError(
            f"model.hidden: expected a multiple of {unit} for a graph encoder, found {sizes.hidden}; "
            f"choose {max(unit, sizes.hidden // unit * unit)}."
        )
    return Graph(sizes.spatial, group, values, sizes.hidden, dim, **reads, readout=sizes.graph_readout)
