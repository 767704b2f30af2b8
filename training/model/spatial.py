"""Spatial encoders: the values of one tick → its vector. The paper compares all four; its winner is the MLP.

float32 [B, T, points × values] → [B, T, dim], values of a point together: x, y, then displacement pairs.
Without offsets only x and y of each point are read, without places only the displacements; the width of the
input stays.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from stream.errors import UsageError
from stream.skeleton import GROUPS
from training.config import Model
from training.model.graph import HEADS, LAYERS, adjacency

REACH = 6.0  # standard deviations beyond which a value is cut: one flying point must not drown the rest
SHARE = 4  # a graph's node has a quarter of the MLP's hidden units: about the same work a tick
FLAT = 16  # before it is flattened a sixteenth: about the MLP's number of parameters


class Spatial(nn.Module):
    """Standardisation that all encoders share, with statistics of the training windows, because displacements
    are a hundred times smaller than positions. Exactly 0 means "not there" and stays 0.
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
        """Take mean and deviation from rows [N, width] of ``values`` a point; zeros do not count.

        Displacements come in pairs around zero: their mean is left at 0 so that stillness stays 0.
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
        """What the encoder reads of float32 [B, T, width]: [B, T, points, 8, or 2 without offsets]."""
        there = ((x - self.mean) * self.scale).clamp(-REACH, REACH)
        x = torch.where(x == 0, torch.zeros((), dtype=x.dtype), there)
        return torch.unflatten(x, -1, self.shape)[..., self.reads]


class Mlp(Spatial):
    """Two fully connected layers over all values of a group at once.

    ``whiten`` turns the values so that those of the training windows are uncorrelated and equally large:
    points of a tracked face err together, and what is brief and small hides behind that. It adds nothing that
    the first layer could not learn, but it learns it sooner, and ``fold`` puts it into that layer for good.
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
            # Few rows make some directions look still by chance; the fewer, the nearer to no turn at all.
            shrink = x.shape[1] / (x.shape[1] + len(x))
            variances = (1 - shrink) * variances + shrink
            self.turn.copy_((axes / variances.sqrt()) @ axes.T)

    @torch.no_grad()
    def fold(self) -> None:
        """The same function with the turn multiplied into the first layer."""
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
    usual one where graphs are classified, but cannot tell a brow from a lip, whose nodes share all weights:
    ours starts as the mean and learns what each node weighs in each channel. All points count, missing ones
    as zeros.
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
    """The recipe's encoder of one keypoint group whose points have ``values`` values.

    Raises UsageError when ``hidden`` does not divide among nodes and heads.
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
