"""What every branch ends in: logits of 32 classes, and a unit vector for the embedding loss."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training.corpus.gestures import CLASSES

EMBEDDING = 64


class Said(NamedTuple):
    """What a branch says of B clips."""

    logits: Tensor  # float32 [B, 32]
    embedding: Tensor  # float32 [B, D], unit vectors


class Head(nn.Module):
    """Pooled features [B, F] → logits and embedding; only the logits are used once trained."""

    def __init__(self, width: int, dropout: float = 0.5, embedding: int = EMBEDDING) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.logits = nn.Linear(width, CLASSES)
        self.project = nn.Linear(width, embedding, bias=False)

    def forward(self, pooled: Tensor) -> Said:
        return Said(self.logits(self.dropout(pooled)), F.normalize(self.project(pooled), dim=1))


class Branch(nn.Module):
    """A backbone whose forward gives pooled features [B, F], and its head."""

    def __init__(self, backbone: nn.Module, width: int, dropout: float = 0.5) -> None:
        super().__init__()
        self.backbone, self.head = backbone, Head(width, dropout)

    def forward(self, x: Tensor) -> Said:
        return Said(*self.head(self.backbone(x)))


class LogitsOnly(nn.Module):
    """What is exported of a branch: input → logits, float32 [B, 32]."""

    def __init__(self, branch: Branch) -> None:
        super().__init__()
        self.backbone, self.logits = branch.backbone, branch.head.logits

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.logits(self.backbone(x))
        return found


def parameters_of(module: nn.Module) -> int:
    """Number of weights."""
    return sum(p.numel() for p in module.parameters())


def all_finite(said: Said) -> bool:
    """Whether nothing said is NaN or infinite."""
    return bool(torch.isfinite(said.logits).all() and torch.isfinite(said.embedding).all())
