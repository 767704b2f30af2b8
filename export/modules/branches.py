"""The four networks of a bundle as modules with exactly the inputs and outputs of their graphs.

keypoints: ``body``, ``face``, ``hands`` float32 [B, T, width] and ``*_mask`` bool [B, T] → ``vector`` [B, E]
image:     ``features`` float32 [B, F, D], ``feature_mask`` bool [B, F] → ``vector`` [B, E]
text:      ``ids`` int64 [B, L], ``ids_mask`` bool [B, L] → ``vector`` [B, E]
fusion:    ``keypoints``, ``image``, ``text`` float32 [B, E], ``present`` bool [B, 3] → ``logit`` [B, 1]

Spatial encoders, BERT and the portrait encoder are passed in: this file defines how they are combined, not
what they are. Paper: hidden-emotion paper, model section; absent vectors are our addition.
"""

from collections.abc import Mapping, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from export.modules.traceable import MASKED, Encoder, Local, masked_mean, positions, positions_of
from stream.bundle.manifest import BRANCHES, Window
from stream.errors import UsageError
from stream.skeleton import GROUPS

LIMIT = 4.0  # largest fused logit


class Keypoints(nn.Module):
    """Three streams of per-tick vectors, each through its Transformer; pooled, concatenated, projected."""

    table: Tensor

    def __init__(
        self,
        window: Window,
        spatial: Mapping[str, nn.Module],
        temporal: Mapping[str, Encoder],
        dim: int,
        out: int,
        local: int = 0,
    ) -> None:
        super().__init__()
        self.spatial, self.temporal = nn.ModuleDict(dict(spatial)), nn.ModuleDict(dict(temporal))
        self.local = nn.ModuleDict({name: Local(dim, local) for name in GROUPS if local})
        self.absent = nn.ParameterDict({name: nn.Parameter(0.02 * torch.randn(dim)) for name in GROUPS})
        self.project = nn.Linear(len(GROUPS) * dim, out)
        self.register_buffer("table", positions(window.poses, dim, 1 / window.rate), persistent=False)

    def forward(
        self,
        body: Tensor,
        face: Tensor,
        hands: Tensor,
        body_mask: Tensor,
        face_mask: Tensor,
        hands_mask: Tensor,
        ages: Tensor | None = None,
    ) -> Tensor:
        masks = (body_mask, face_mask, hands_mask)
        vector: Tensor = self.pool(self.rows((body, face, hands), masks, ages), masks)
        return vector

    def rows(
        self, values: Sequence[Tensor], masks: Sequence[Tensor], ages: Tensor | None = None
    ) -> list[Tensor]:
        """Each stream's rows after its Transformer, [B, T, dim].

        ``ages`` float32 [B, T], seconds before the window's end, for rows that are not one per tick (sparse
        samples in training; an exported graph has none).
        """
        rows = []
        for name, x, mask in zip(GROUPS, values, masks, strict=True):
            encoder = cast(Encoder, self.temporal[name])
            h = self.spatial[name](x)
            h = self.local[name](h, mask) if self.local else h
            rows.append(encoder.rows(h + positions_of(self.table, x, ages), mask))
        return rows

    def pool(self, rows: Sequence[Tensor], masks: Sequence[Tensor]) -> Tensor:
        """Mean of each stream's valid rows, or its absent vector if it has none; concatenated and
        projected."""
        pooled = [
            torch.where(mask.any(1, keepdim=True), masked_mean(x, mask), self.absent[name])
            for name, x, mask in zip(GROUPS, rows, masks, strict=True)
        ]
        vector: Tensor = self.project(torch.cat(pooled, dim=1))
        return vector


class Image(nn.Module):
    """Portrait features through a Transformer; pooled and projected."""

    table: Tensor

    def __init__(self, window: Window, features: int, temporal: Encoder, dim: int, out: int) -> None:
        super().__init__()
        self.embed = nn.Sequential(nn.LayerNorm(features), nn.Linear(features, dim))
        self.temporal = temporal
        self.project = nn.Linear(dim, out)
        table = positions(window.features, dim, window.stride / window.rate)
        self.register_buffer("table", table, persistent=False)

    def forward(self, features: Tensor, feature_mask: Tensor, ages: Tensor | None = None) -> Tensor:
        return self.pool(self.rows(features, feature_mask, ages), feature_mask)

    def rows(self, features: Tensor, feature_mask: Tensor, ages: Tensor | None = None) -> Tensor:
        """Rows after the Transformer, [B, F, dim]; ``ages`` as for the keypoints."""
        x = self.embed(features) + positions_of(self.table, features, ages)
        rows: Tensor = self.temporal.rows(x, feature_mask)
        return rows

    def pool(self, rows: Tensor, feature_mask: Tensor) -> Tensor:
        vector: Tensor = self.project(masked_mean(rows, feature_mask))
        return vector


class Text(nn.Module):
    """BERT's word-piece vectors, averaged over the valid pieces and projected."""

    def __init__(self, bert: nn.Module, width: int, out: int) -> None:
        super().__init__()
        self.bert = bert
        self.project = nn.Linear(width, out)

    def forward(self, ids: Tensor, ids_mask: Tensor) -> Tensor:
        vector: Tensor = self.project(masked_mean(self.rows(ids, ids_mask), ids_mask))
        return vector

    def rows(self, ids: Tensor, ids_mask: Tensor) -> Tensor:
        """The pieces' vectors, [B, L, width]."""
        # BERT uses a four-dimensional additive mask unchanged: it stays finite, and one row [B, 1, 1, L]
        # serves all queries.
        bias = ((~ids_mask).to(torch.float32) * MASKED)[:, None, None, :]
        rows: Tensor = self.bert(input_ids=ids, attention_mask=bias).last_hidden_state
        return rows


class Fusion(nn.Module):
    """Concatenated branch vectors → fully connected layer with a residual → logit of win.

    The input of an absent branch is ignored: its learned absent vector replaces it. The logit stays within
    ±``LIMIT`` for any input, so a calibration slope bounds the confidence; ``gain`` is set once after
    training so that typical logits use that range. ``mix`` replaces the fully connected layer, from and to
    float32 [B, 3E].
    """

    gain: Tensor

    def __init__(self, out: int, dropout: float = 0.0, mix: nn.Module | None = None) -> None:
        super().__init__()
        width = len(BRANCHES) * out
        self.absent = nn.Parameter(0.02 * torch.randn(len(BRANCHES), out))
        self.mix = mix or nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Dropout(dropout))
        self.head = nn.Linear(width, 1)
        self.register_buffer("gain", torch.ones(()))

    def forward(self, keypoints: Tensor, image: Tensor, text: Tensor, present: Tensor) -> Tensor:
        logit: Tensor = LIMIT * torch.tanh(self.raw(keypoints, image, text, present) / LIMIT)
        return logit

    def raw(self, keypoints: Tensor, image: Tensor, text: Tensor, present: Tensor) -> Tensor:
        """The logit before its bound."""
        stacked = torch.stack((keypoints, image, text), dim=1)
        chosen = torch.where(present[..., None], stacked, self.absent)
        joined = chosen.flatten(1)
        logit: Tensor = self.head(joined + self.mix(joined)) * self.gain
        return logit


class Cross(nn.Module):
    """Each branch's vector attends to the other two by multi-head attention; a feed-forward layer follows.

    From and to float32 [B, 3E]: ``Fusion`` adds the result to the concatenated vectors. Absent vectors take
    part like any other. Paper: the ablation that overfitted.
    """

    others: Tensor

    def __init__(self, out: int, dropout: float = 0.0, heads: int = 4) -> None:
        super().__init__()
        if out % heads:
            raise UsageError(
                f"model.out: expected a multiple of the {heads} heads of cross-attention fusion, "
                f"found {out}; choose {max(out // heads, 1) * heads}."
            )
        self.heads, self.width = heads, out // heads
        self.norm_a, self.norm_f = nn.LayerNorm(out), nn.LayerNorm(out)
        self.into = nn.Linear(out, 3 * out)
        self.out = nn.Linear(out, out)
        self.feed = nn.Sequential(nn.Linear(out, 2 * out), nn.GELU(), nn.Linear(2 * out, out))
        self.drop = nn.Dropout(dropout)
        self.register_buffer("others", MASKED * torch.eye(len(BRANCHES)), persistent=False)

    def forward(self, joined: Tensor) -> Tensor:
        b, n = len(joined), len(BRANCHES)
        x = joined.reshape(b, n, -1)
        q, k, v = self.into(self.norm_a(x)).reshape(b, n, 3, self.heads, self.width).permute(2, 0, 3, 1, 4)
        weight = torch.softmax(q @ k.transpose(-1, -2) * self.width**-0.5 + self.others, dim=-1)
        attended = self.drop(self.out((weight @ v).transpose(1, 2).flatten(2)))
        added: Tensor = attended + self.drop(self.feed(self.norm_f(x + attended)))
        return added.flatten(1)


class Portrait(nn.Module):
    """A DINOv2 encoder: ``portrait`` float32 [1, 3, S, S] → ``feature`` [1, D], CLS after the last norm."""

    def __init__(self, dinov2: nn.Module) -> None:
        super().__init__()
        self.dinov2 = dinov2

    def forward(self, portrait: Tensor) -> Tensor:
        feature: Tensor = self.dinov2(portrait).last_hidden_state[:, 0]
        return feature
