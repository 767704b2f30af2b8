"""PoseC3D: a thin SlowOnly ResNet-50 of three stages over heat-map volumes [B, K, T, H, W].

Source of the form: kennymckormick/pyskl (models/cnns/resnet3d_slowonly.py, configs/posec3d), read and
rebuilt; no code was taken. Batch norm follows every convolution, ReLU every one but the last of a block,
which starts at zero and meets its shortcut first. Strides sit in the 3×3 convolution of a stage's first
block.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

EXPANSION = 4
STAGES_IN_TIME = (1, 1, 2)  # temporal stride of each stage
TEMPORAL_KERNEL = (1, 3, 3)  # of the first convolution of each stage's blocks


class Conv(nn.Module):
    """Convolution without bias, and batch norm; padding keeps the size at stride 1."""

    def __init__(
        self, inside: int, out: int, kernel: tuple[int, int, int], stride: tuple[int, int, int] = (1, 1, 1)
    ) -> None:
        super().__init__()
        padding = (kernel[0] // 2, kernel[1] // 2, kernel[2] // 2)
        self.conv = nn.Conv3d(inside, out, kernel, stride, padding, bias=False)
        self.norm = nn.BatchNorm3d(out)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.norm(self.conv(x))
        return found


class Bottleneck(nn.Module):
    """Narrow, look around, widen; plus the shortcut."""

    def __init__(self, inside: int, planes: int, temporal: int, stride: tuple[int, int, int]) -> None:
        super().__init__()
        self.narrow = Conv(inside, planes, (temporal, 1, 1))
        self.look = Conv(planes, planes, (1, 3, 3), stride)
        self.widen = Conv(planes, EXPANSION * planes, (1, 1, 1))
        nn.init.zeros_(self.widen.norm.weight)
        plain = stride == (1, 1, 1) and inside == EXPANSION * planes
        self.shortcut = nn.Identity() if plain else Conv(inside, EXPANSION * planes, (1, 1, 1), stride)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.look(F.relu(self.narrow(x))))
        return F.relu(self.widen(y) + self.shortcut(x))


class PoseC3D(nn.Module):
    """float32 [B, K, T, H, W] → pooled features [B, 16 · base].

    ``base`` 32 and ``blocks`` (4, 6, 3) are the published size; smaller ones are for two CPU cores.
    """

    def __init__(self, channels: int, base: int = 32, blocks: Sequence[int] = (4, 6, 3)) -> None:
        super().__init__()
        self.stem = Conv(channels, base, (1, 7, 7))
        self.pool = nn.MaxPool3d((1, 3, 3), stride=(1, 1, 1), padding=(0, 1, 1))
        stages, width = [], base
        for stage, count in enumerate(blocks):
            planes = base * 2**stage
            for block in range(count):
                stride = (STAGES_IN_TIME[stage], 2, 2) if block == 0 else (1, 1, 1)
                stages.append(Bottleneck(width, planes, TEMPORAL_KERNEL[stage], stride))
                width = EXPANSION * planes
        self.blocks = nn.Sequential(*stages)
        self.width = width
        for module in self.modules():
            if isinstance(module, nn.Conv3d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.blocks(self.pool(F.relu(self.stem(x))))
        return torch.mean(found, dim=(2, 3, 4))
