"""Weighted cross-entropy and the embedding loss, as named losses.

The second paper names "square-root-smoothed class weights" and an "Orthogonal Semantic Embedding Loss" with
fixed anchors; the formulas here are ours. Any two orthonormal sets of anchors differ by a rotation that the
learnt projection absorbs, so orthogonal anchors carry no meaning of the words: what they do is to spread the
classes.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from stream.errors import UsageError
from training.corpus.gestures import CLASSES
from training.gestures.models.head import EMBEDDING, Said
from training.gestures.recipe import Objective

VECTOR_SCALE = 10.0  # of the squared distance to unit label vectors, so that it weighs about as the others


def class_weights(counts: NDArray[Any], objective: Objective) -> NDArray[np.float64]:
    """Weight of each class, float64 [C], whose mean over the training clips is 1 before the cap.

    counts: training clips of each class, [C]. sqrt: (n + s)^(−1/2); inverse: 1/n; effective: (1 − β)/(1 −
    β^n) (Cui et al., Class-Balanced Loss); none: 1. A class without a clip weighs nothing.
    """
    n = np.asarray(counts, np.float64)
    there = n > 0
    if objective.balance == "sqrt":
        raw = (np.maximum(n, 1) + objective.smoothing) ** -0.5
    elif objective.balance == "inverse":
        raw = 1 / np.maximum(n, 1)
    elif objective.balance == "effective":
        raw = (1 - objective.beta) / (1 - objective.beta ** np.maximum(n, 1))
    else:
        return np.where(there, 1.0, 0.0)
    scale = n.sum() / max(float((n * raw).sum()), 1e-12)
    return np.where(there, np.minimum(raw * scale, objective.cap), 0.0)


def orthogonal_anchors(seed: int, classes: int = CLASSES, dim: int = EMBEDDING) -> Tensor:
    """Orthonormal rows, float32 [classes, dim], from the QR decomposition of a seeded Gaussian; never
    learnt."""
    drawn = np.random.default_rng([seed, 6403]).standard_normal((dim, classes))
    q, _ = np.linalg.qr(drawn)
    return torch.from_numpy(np.ascontiguousarray(q.T, np.float32))


def simplex_anchors(seed: int, classes: int = CLASSES, dim: int = EMBEDDING) -> Tensor:
    """A simplex equiangular tight frame, float32 [classes, dim]: unit rows, every cosine −1/(classes − 1)."""
    base = orthogonal_anchors(seed, classes, dim)
    centred = base - base.mean(0, keepdim=True)
    return F.normalize(centred, dim=1)


def label_vectors(path: Path, dim: int = EMBEDDING) -> Tensor:
    """Unit rows of the label vectors in a .npy file, float32 [32, dim], projected onto their main directions.

    UsageError for a file of another shape.
    """
    try:
        raw = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{path}: expected a .npy file of label vectors, found none ({error}); give one."
        ) from error
    if raw.ndim != 2 or len(raw) != CLASSES or not np.isfinite(raw).all():
        raise UsageError(
            f"{path}: expected finite label vectors [32, D], found {list(raw.shape)}; write a row for "
            "each class."
        )
    centred = raw - raw.mean(0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    found = np.zeros((CLASSES, dim), np.float32)
    kept = axes[: min(dim, len(axes))]
    found[:, : len(kept)] = centred @ kept.T
    return F.normalize(torch.from_numpy(found), dim=1)


def anchors_of(objective: Objective, seed: int) -> Tensor | None:
    """The anchors that an objective asks for, float32 [32, D]; None where it asks for none."""
    if objective.embedding == "orthogonal":
        return orthogonal_anchors(seed)
    if objective.embedding == "simplex":
        return simplex_anchors(seed)
    if objective.embedding == "vectors":
        return label_vectors(Path(objective.vectors))
    return None


def cross_entropy(
    logits: Tensor, label: Tensor, weights: Tensor, clip_weight: Tensor | None = None, smoothing: float = 0.0
) -> Tensor:
    """−mean_i w_{y_i} a_i log softmax(z_i)_{y_i}: logits [B, C], label int64 [B], weights [C], a [B]."""
    each = F.cross_entropy(logits, label, reduction="none", label_smoothing=smoothing) * weights[label]
    return (each * clip_weight).mean() if clip_weight is not None else each.mean()


def embedding_loss(
    embedding: Tensor,
    label: Tensor,
    anchors: Tensor,
    weights: Tensor,
    repel: float,
    clip_weight: Tensor | None = None,
) -> Tensor:
    """mean_i w_{y_i} a_i (1 − e_i·A_{y_i}) + repel · mean_i a_i mean_{c≠y_i} max(0, e_i·A_c); e unit [B, D].

    0 at the own anchor when the anchors are orthogonal.
    """
    cosine = embedding @ anchors.T
    own = cosine.gather(1, label[:, None])[:, 0]
    others = cosine.clamp(min=0).scatter(1, label[:, None], 0.0).sum(1) / (len(anchors) - 1)
    scale = torch.ones_like(own) if clip_weight is None else clip_weight
    return (weights[label] * scale * (1 - own)).mean() + repel * (scale * others).mean()


def vector_loss(
    embedding: Tensor, label: Tensor, vectors: Tensor, clip_weight: Tensor | None = None
) -> Tensor:
    """Mean squared distance of unit embeddings [B, D] to their label's vector (HFUT 2023 had GloVe-300)."""
    each = ((embedding - vectors[label]) ** 2).mean(1) * VECTOR_SCALE
    return (each * clip_weight).mean() if clip_weight is not None else each.mean()


def total(
    said: Said,
    label: Tensor,
    clip_weight: Tensor,
    weights: Tensor,
    anchors: Tensor | None,
    objective: Objective,
    done: float,
) -> Tensor:
    """Cross-entropy and λ times the embedding loss; ``done``: share of the steps that are done, for λ's
    ramp."""
    loss = cross_entropy(said.logits, label, weights, clip_weight, objective.label_smoothing)
    if anchors is None:
        return loss
    grown = objective.weight * min(done / objective.ramp, 1.0) if objective.ramp else objective.weight
    if objective.embedding == "vectors":
        return loss + grown * vector_loss(said.embedding, label, anchors, clip_weight)
    return loss + grown * embedding_loss(
        said.embedding, label, anchors, weights, objective.repel, clip_weight
    )
