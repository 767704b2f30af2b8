"""Decoupled ST-CNN on coordinates [B, 6, T, K]: space, then time, never in one kernel.

The second paper names the branch and does not describe it; this form is ours. A block mixes channels of each
point, then points by a learnt K × K matrix that begins near the identity (space), then ticks by a depthwise
convolution (time), and adds its input.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training.gestures.data.coordinates import CHANNELS

KERNEL = 9  # ticks


class Block(nn.Module):
    """[B, C, T, K] → [B, C′, ⌈T/stride⌉, K]."""

    def __init__(self, inside: int, out: int, stride: int, points: int) -> None:
        super().__init__()
        self.channels = nn.Conv2d(inside, out, 1, bias=False)
        self.mix = nn.Parameter(torch.eye(points) + 0.02 * torch.randn(points, points))
        self.norm = nn.BatchNorm2d(out)
        self.time = nn.Conv2d(out, out, (KERNEL, 1), (stride, 1), (KERNEL // 2, 0), groups=out, bias=False)
        self.point = nn.Conv2d(out, out, 1, bias=False)
        self.norm_time = nn.BatchNorm2d(out)
        plain = inside == out and stride == 1
        self.shortcut: nn.Module = (
            nn.Identity()
            if plain
            else nn.Sequential(nn.Conv2d(inside, out, 1, (stride, 1), bias=False), nn.BatchNorm2d(out))
        )

    def forward(self, x: Tensor) -> Tensor:
        space = F.relu(self.norm(torch.matmul(self.channels(x), self.mix)))
        time = self.norm_time(self.point(self.time(space)))
        return F.relu(time + self.shortcut(x))


class STCNN(nn.Module):
    """float32 [B, 6, T, K] → pooled features [B, widths[−1]]."""

    def __init__(self, points: int, widths: Sequence[int], strides: Sequence[int]) -> None:
        super().__init__()
        self.points = points
        self.norm = nn.BatchNorm1d(CHANNELS * points)
        inside, blocks = CHANNELS, []
        for out, stride in zip(widths, strides, strict=True):
            blocks.append(Block(inside, out, stride, points))
            inside = out
        self.blocks = nn.Sequential(*blocks)
        self.width = inside

    def forward(self, x: Tensor) -> Tensor:
        b, _, t, _ = x.shape
        flat = x.permute(0, 1, 3, 2).reshape(b, CHANNELS * self.points, t)
        normal = self.norm(flat).reshape(b, CHANNELS, self.points, t).permute(0, 1, 3, 2)
        found: Tensor = self.blocks(normal)
        return found.mean((2, 3))
