"""Graph layers over the bones of one keypoint group: float32 [..., N, channels] in and out.

Every layer ends in its paper's non-linearity. A group has 25 to 70 nodes, so neighbours are summed by one
small dense product; attention, which would need N × N scores per tick and head, uses lists of at most six
neighbours instead, which takes a fifth of the time.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from export.modules.traceable import MASKED
from stream.skeleton import BONES, GROUPS

HEADS = 4  # of graph attention
SLOPE = 0.2  # of its LeakyReLU, as in the paper


def adjacency(group: str) -> Tensor:
    """Adjacency of a group's bones, float32 [N, N]: symmetric, zero diagonal; the rows of pupils are
    empty."""
    part = GROUPS[group]
    links = torch.zeros(part.stop - part.start, part.stop - part.start)
    for a, b in BONES:
        if part.start <= a < part.stop:  # no bone leaves its group
            links[a - part.start, b - part.start] = links[b - part.start, a - part.start] = 1
    return links


class Gcn(nn.Module):
    """ReLU(D^-½ (A + I) D^-½ X W + b), Kipf & Welling 2017; the added I is each node's link to itself."""

    spread: Tensor

    def __init__(self, links: Tensor, into: int, out: int) -> None:
        super().__init__()
        looped = links + torch.eye(len(links))
        root = looped.sum(1).rsqrt()
        self.register_buffer("spread", root[:, None] * looped * root, persistent=False)
        self.linear = nn.Linear(into, out)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.linear(self.spread @ x))


class Gat(nn.Module):
    """Multi-head attention over the neighbours' W x, then ELU, Veličković et al. 2018.

    A node is a neighbour of itself. Neighbour lists are padded with the node itself under a finite mask.
    """

    neighbours: Tensor
    gaps: Tensor

    def __init__(self, links: Tensor, into: int, out: int, heads: int = HEADS) -> None:
        super().__init__()
        lists = [[i, *row.nonzero()[:, 0].tolist()] for i, row in enumerate(links)]
        self.longest = max(map(len, lists))
        padded = torch.tensor([one + [one[0]] * (self.longest - len(one)) for one in lists])
        real = torch.arange(self.longest) < torch.tensor([[len(one)] for one in lists])
        self.register_buffer("neighbours", padded.T.contiguous(), persistent=False)  # [longest, N]
        self.register_buffer("gaps", torch.where(real, 0.0, MASKED)[..., None], persistent=False)
        self.shape = (heads, out // heads)
        self.linear = nn.Linear(into, out, bias=False)
        # `asking` and `asked` weigh the query node and its neighbour; checkpoints hold them by these names.
        # `asking` and `asked` weigh the query node and its neighbour; checkpoints hold them by these names.
        # `asking` and `asked` weigh the query node and its neighbour; checkpoints hold them by these names.
        self.asking = nn.Parameter(torch.randn(self.shape) * self.shape[1] ** -0.5)
        self.asked = nn.Parameter(torch.randn(self.shape) * self.shape[1] ** -0.5)
        self.bias = nn.Parameter(torch.zeros(out))

    def forward(self, x: Tensor) -> Tensor:
        h = self.linear(x).unflatten(-1, self.shape)  # [..., N, heads, width]
        asking, asked = (h * self.asking).sum(-1), (h * self.asked).sum(-1)
        others = torch.stack([asked.index_select(-2, row) for row in self.neighbours], dim=-2)
        weight = torch.softmax(F.leaky_relu(asking[..., None, :] + others, SLOPE) + self.gaps, dim=-2)
        mixed = torch.zeros_like(h)
        for i, row in enumerate(self.neighbours):
            mixed = mixed + weight[..., i, :, None] * h.index_select(-3, row)
        return F.elu(mixed.flatten(-2) + self.bias)


class Gin(nn.Module):
    """MLP((1 + ε) x + sum of neighbours' x), Xu et al. 2019; ε is learnt and starts at 0.

    Without the original's batch normalisation, because windows have many lengths and are mostly masked.
    """

    links: Tensor

    def __init__(self, links: Tensor, into: int, out: int) -> None:
        super().__init__()
        self.register_buffer("links", links, persistent=False)
        self.epsilon = nn.Parameter(torch.zeros(()))
        self.feed = nn.Sequential(nn.Linear(into, out), nn.ReLU(), nn.Linear(out, out), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        rows: Tensor = self.feed((1 + self.epsilon) * x + self.links @ x)
        return rows


LAYERS = {"gcn": Gcn, "gat": Gat, "gin": Gin}
