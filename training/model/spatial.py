"""Spatial encoders: the values of one tick → its vector. The paper's winner is the MLP."""

import torch
from torch import Tensor, nn

REACH = 6.0  # standard deviations beyond which a value is cut: one flying point must not drown the rest


class Mlp(nn.Module):
    """Two fully connected layers over all values of a group, float32 [B, T, width] → [B, T, dim].

    Values are standardised with statistics of the training windows, because displacements are a hundred
    times smaller than positions. Exactly 0 means "not there" and stays 0.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, width: int, hidden: int, dim: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("scale", torch.ones(width))
        self.into = nn.Linear(width, hidden)
        self.out = nn.Linear(hidden, dim)

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
        floor = 0.3 * deviation[~place].median().clamp(min=1e-4)
        self.mean.copy_(mean)
        self.scale.copy_(1 / deviation.clamp(min=floor))

    def forward(self, x: Tensor) -> Tensor:
        there = ((x - self.mean) * self.scale).clamp(-REACH, REACH)
        x = torch.where(x == 0, torch.zeros((), dtype=x.dtype), there)
        rows: Tensor = self.out(nn.functional.gelu(self.into(x)))
        return rows
