"""Losses on logits and on branch vectors."""

import torch
from torch import Tensor
from torch.nn import functional as F

TEMPERATURE = 0.1  # of the contrastive loss


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


def contrastive(vectors: Tensor, win: Tensor, temperature: float = TEMPERATURE) -> Tensor:
    """Supervised contrastive loss of vectors [B, E] and classes bool [B].

    Khosla et al., Supervised Contrastive Learning, the variant with the sum outside the logarithm. A window
    that is the only one of its class does not count; the loss is 0 if no window counts.
    """
    z = F.normalize(vectors, dim=1)
    itself = torch.eye(len(z), dtype=torch.bool, device=z.device)
    log_p = (z @ z.T / temperature).masked_fill(itself, -torch.inf).log_softmax(1)
    same = (win[:, None] == win[None]) & ~itself
    count = same.sum(1)
    each = -log_p.masked_fill(~same, 0).sum(1) / count.clamp(min=1)
    return each[count > 0].mean() if bool((count > 0).any()) else vectors.sum() * 0
