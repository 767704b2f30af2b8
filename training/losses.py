"""Focal loss on logits; the target may be a probability."""

import torch
from torch import Tensor
from torch.nn import functional as F


def focal(
    logit: Tensor, target: Tensor, *, gamma: float = 2.0, alpha: float = 0.5, weight: Tensor | None = None
) -> Tensor:
    """Mean focal loss of logits and targets in 0..1, both [B].

    −α·y·(1−p)^γ·log p − (1−α)·(1−y)·p^γ·log(1−p), times 2, so that α = 0.5 and γ = 0 are the plain
    cross-entropy (Lin et al., Focal Loss for Dense Object Detection, for y of 0 or 1; a target between is
    the expectation over both). ``weight`` [B] multiplies the terms.
    """
    log_p, log_q = F.logsigmoid(logit), F.logsigmoid(-logit)
    win = alpha * target * torch.exp(gamma * log_q) * log_p
    loss = (1 - alpha) * (1 - target) * torch.exp(gamma * log_p) * log_q
    each = -2 * (win + loss)
    if weight is None:
        return each.mean()
    return (each * weight).sum() / weight.sum().clamp(min=1e-6)
