"""The ring encoder: a causal, banded Transformer with a constant cost per update.

Two forms of the same computation. ``Ring.rows`` reads whole windows under a banded mask (training,
reference); ``Ring.step`` reads only the new rows, with the keys and values of earlier ones in caches that the
host keeps (`stream.branches.ring_host`). All streams of a branch are computed as a batch, each with its own
weights.

Shapes: S streams, B windows, T rows, D width, H heads of w = D / H, h new rows (the hop), C cached rows.

Sources: rotary positions, Su et al. 2021 (RoFormer); caches of banded attention as in Mistral-style models;
continual inference of Transformers, Hedegaard et al. 2022. Depth and bands are our choice: the top row
depends on exactly the window's ticks.
"""

import math
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from export.modules.traceable import MASKED, PERIODS_S, Local

QUERIES = 500  # query rows per block of the banded batch


def bands_of(span: int, layers: int, local: int = 0) -> tuple[int, ...]:
    """Rows that each layer's queries attend to, their own included; the top row depends on ``span`` rows.

    A layer with band W reaches W − 1 rows further back, and ``local`` causal ticks before it local − 1.
    """
    reach, more = divmod(span - 1 - max(local - 1, 0), layers)
    if reach < 1:
        raise ValueError(f"expected a span of more than {layers + max(local - 1, 0)} rows, found {span}")
    return tuple(reach + 1 + (layer >= layers - more) for layer in range(layers))


def periods(width: int) -> Tensor:
    """Rotation period in seconds of each pair of a head's ``width`` coordinates, ascending, float64 [w /
    2]."""
    low, high = (math.log(p) for p in PERIODS_S)
    return torch.exp(torch.linspace(low, high, width // 2, dtype=torch.float64))


def rotary_phases(rows: Tensor, width: int, step_s: float) -> tuple[Tensor, Tensor]:
    """Cosine and sine of the rotary phases at row numbers ``rows`` [T], float32 [T, w]; computed in
    float64."""
    phase = 2 * math.pi * torch.frac(rows.double()[:, None] * step_s / periods(width))
    phase = torch.cat((phase, phase), dim=-1)
    return phase.cos().float(), phase.sin().float()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """x [..., T, w] rotate by the phases of its rows, [T, w]."""
    half = x.shape[-1] // 2
    return x * cos + torch.cat((-x[..., half:], x[..., :half]), dim=-1) * sin


class StackedLinear(nn.Module):
    """S independent linear layers as a batch: [S, ..., n, in] → [S, ..., n, out]."""

    def __init__(self, streams: int, into: int, out: int) -> None:
        super().__init__()
        bound = into**-0.5
        self.weight = nn.Parameter(torch.empty(streams, into, out).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(streams, 1, out))

    def forward(self, x: Tensor) -> Tensor:
        shape = x.shape
        y = torch.baddbmm(self.bias, x.reshape(shape[0], -1, shape[-1]), self.weight)
        return y.reshape(*shape[:-1], -1)


class RingLayer(nn.Module):
    """One pre-norm layer. Its norms have no scales, since a linear layer follows each."""

    def __init__(
        self, streams: int, dim: int, heads: int, feedforward: int, band: int, dropout: float
    ) -> None:
        super().__init__()
        self.heads, self.width, self.band = heads, dim // heads, band
        self.into, self.out = StackedLinear(streams, dim, 3 * dim), StackedLinear(streams, dim, dim)
        self.up, self.down = (
            StackedLinear(streams, dim, feedforward),
            StackedLinear(streams, feedforward, dim),
        )
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor, bias: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """x [S, B, T, D]; bias [S, B, T], 0 for a valid row, else ``MASKED`` → [S, B, T, D]."""
        s, b, t, d = x.shape
        q, k, v = self._heads(x, cos, sin)  # [S, B, H, T, w]
        blocks = [self._attend(q, k, v, bias, first) for first in range(0, t, QUERIES)]
        attended = torch.cat(blocks, dim=3).transpose(2, 3).reshape(s, b, t, d)
        return self._feed_forward(x + self.drop(self.out(attended)))

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, bias: Tensor, first: int) -> Tensor:
        """Banded attention of the block of queries that starts at row ``first``."""
        last = min(first + QUERIES, q.shape[3])
        start = max(first - self.band + 1, 0)
        age = torch.arange(first, last, device=q.device)[:, None] - torch.arange(start, last, device=q.device)
        outside = ((age < 0) | (age >= self.band)).to(q.dtype) * MASKED
        mask = (bias[..., None, start:last] + outside).flatten(0, 1)[:, None]
        q, k, v = (x[..., start:last, :].flatten(0, 1) for x in (q, k, v))
        attended = F.scaled_dot_product_attention(q[..., first - start :, :], k, v, attn_mask=mask, scale=1.0)
        return attended.reshape(len(bias), -1, *attended.shape[1:])

    def step(
        self, x: Tensor, bias: Tensor, among: Tensor, cos: Tensor, sin: Tensor, keys: Tensor, values: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """New rows x [S, h, D] attend to cached ``keys`` [S, H, w, C] and ``values`` [S, H, C, w].

        ``bias`` [S, h, C] and ``among`` [S, h, h] are added to the scores of cached and of new rows. Returns
        the rows, their keys [S, H, w, h] and their values [S, H, h, w]. One softmax over both, then split:
        no cache is copied.
        """
        s, h, d = x.shape
        q, k, v = (part[:, 0] for part in self._heads(x[:, None], cos, sin))
        k = k.transpose(-1, -2)
        cached = keys.shape[-1]
        scores = torch.cat((q @ keys + bias[:, None], q @ k + among[:, None]), dim=-1)
        old, new = torch.split(torch.softmax(scores, dim=-1), [cached, h], dim=-1)
        attended = (old @ values + new @ v).transpose(1, 2).reshape(s, h, d)
        return self._feed_forward(x + self.out(attended)), k, v

    def _heads(self, x: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        s, b, t, _ = x.shape
        both = self.into(normed(x)).reshape(s, b, t, 3, self.heads, self.width)
        q, k, v = both.permute(3, 0, 1, 4, 2, 5).unbind(0)
        # Scaled before the rotation: a factor right before the product with the cache would be fused into it,
        # and ONNX Runtime's fast path for one row supports no factor.
        return rotate(q * self.width**-0.5, cos, sin), rotate(k, cos, sin), v

    def _feed_forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.drop(self.down(F.gelu(self.up(normed(x)))))
        return out


class Ring(nn.Module):
    """Causal layers over S streams, after a causal convolution over an odd number of ``local`` ticks."""

    def __init__(
        self,
        streams: int,
        dim: int,
        heads: int,
        feedforward: int,
        bands: Sequence[int],
        *,
        step_s: float,
        local: int = 0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if dim % (2 * heads):
            raise ValueError(f"width {dim} must be a multiple of twice the {heads} heads")
        self.streams, self.width, self.step_s = streams, dim // heads, step_s
        self.bands = tuple(bands)
        self.local = nn.ModuleList(Local(dim, local) for _ in range(streams if local else 0))
        self.before = max(local - 1, 0)  # earlier rows that the convolution reads
        self.layers = nn.ModuleList(
            RingLayer(streams, dim, heads, feedforward, band, dropout) for band in bands
        )

    def rows(self, x: Tensor, mask: Tensor) -> list[Tensor]:
        """x float32 [S, B, T, D] and mask bool [S, B, T] → each layer's rows [S, B, T, D]; the last layer's
        are normalized."""
        cos, sin = (
            part.to(x.device) for part in rotary_phases(torch.arange(x.shape[2]), self.width, self.step_s)
        )
        x = x * mask[..., None].to(x.dtype)
        bias = (~mask).to(x.dtype) * MASKED
        if self.local:
            x = torch.stack(
                [
                    _mix_causally(cast(Local, one), F.pad(y, (0, 0, self.before, 0)))
                    for one, y in zip(self.local, x, strict=True)
                ]
            )
        outputs = []
        for layer in self.layers:
            x = layer(x, bias, cos, sin)
            outputs.append(x)
        return [*outputs[:-1], normed(x)]

    def step(
        self,
        x: Tensor,
        mask: Tensor,
        bias: Tensor,
        cos: Tensor,
        sin: Tensor,
        tail: Tensor | None,
        caches: Sequence[tuple[Tensor, Tensor]],
    ) -> tuple[Tensor, ...]:
        """New rows x [S, h, D], mask bool [S, h]; bias [L, S, h, C]; phases [h, w]; the preceding rows, tail
        [S, local − 1, D]; each layer's cached keys and values. Returns the normalized rows, the next tail
        (with ``local``), and each layer's new keys and values."""
        h = x.shape[1]
        x = x * mask[..., None].to(x.dtype)
        later = torch.ones(h, h, device=x.device).triu(1)
        among = torch.clamp(later + (~mask).to(x.dtype)[:, None, :], max=1.0) * MASKED
        outputs: list[Tensor] = []
        if self.local and tail is not None:
            x = torch.cat((tail, x), dim=1)
            outputs.append(x[:, h:])
            x = torch.stack(
                [_mix_causally(cast(Local, one), y[None])[0] for one, y in zip(self.local, x, strict=True)]
            )
        for i, (layer, (keys, values)) in enumerate(zip(self.layers, caches, strict=True)):
            x, k, v = cast(RingLayer, layer).step(x, bias[i], among, cos, sin, keys, values)
            outputs += [k, v]
        return (normed(x), *outputs)


def normed(x: Tensor) -> Tensor:
    """Rows [..., D] normalized to mean 0 and variance 1, without learned scales."""
    return F.layer_norm(x, x.shape[-1:])


def _mix_causally(local: Local, x: Tensor) -> Tensor:
    """x [B, before + T, D] → the last T rows, each mixed with the ``before`` rows that precede it."""
    shape = local.shape
    filtered = F.conv1d(x.transpose(1, 2), shape.weight, shape.bias, groups=shape.groups)
    return x[:, shape.kernel_size[0] - 1 :] + cast(Tensor, local.mix(F.gelu(filtered).transpose(1, 2)))
