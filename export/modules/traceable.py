"""Building blocks that trace to a fixed ONNX graph: masked attention in blocks, positions, pooling.

Masks become a finite bias, so a window without a single valid tick gives finite outputs, never NaN. The bias
is part of the score product (one more column in queries and keys), which saves a pass over the P×P scores;
blocks of queries keep those scores small enough for the processor's cache.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

MASKED = -1e4  # bias of a masked key; e^-10000 is exactly 0 in float32
BLOCK = 250  # queries per block: 250 × 4000 scores of 4 bytes are 4 MB
PERIODS_S = (0.4, 640.0)  # shortest and longest period of the positional encoding, seconds


def positions(rows: int, dim: int, step_s: float) -> Tensor:
    """Sinusoidal encoding of the seconds before the window's end, float32 [rows, dim]; the last row is 0 s.

    A moment has the same encoding in a window of any length.
    """
    return sinusoids(torch.arange(rows - 1, -1, -1, dtype=torch.float64) * step_s, dim)


def sinusoids(seconds: Tensor, dim: int) -> Tensor:
    """Sinusoidal encoding of ``seconds`` [...] before the window's end, float32 [..., dim]."""
    low, high = (math.log(p) for p in PERIODS_S)
    period = torch.exp(torch.linspace(low, high, dim // 2, dtype=torch.float64, device=seconds.device))
    phase = 2 * math.pi * seconds.double()[..., None] / period
    return torch.cat((phase.sin(), phase.cos()), dim=-1).float()


def positions_of(table: Tensor, x: Tensor, ages: Tensor | None) -> Tensor:
    """Encoding of the rows of x [B, T, ...]: the newest rows of ``table``, or that of ``ages`` [B, T]."""
    return table[-x.shape[1] :] if ages is None else sinusoids(ages, table.shape[1])


def masked_mean(x: Tensor, mask: Tensor) -> Tensor:
    """Mean over the valid rows, [B, T, D] and bool [B, T] → [B, D]; zeros where no row is valid."""
    weight = mask.to(x.dtype)[..., None]
    return (x * weight).sum(1) / weight.sum(1).clamp(min=1.0)


class Attention(nn.Module):
    """Multi-head self-attention over the valid rows.

    Normally it calls torch's fused kernel; during export, it does the same in unrolled blocks of queries.
    """

    def __init__(self, dim: int, heads: int, block: int = BLOCK) -> None:
        super().__init__()
        self.heads, self.width, self.block = heads, dim // heads, block
        self.into = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """x float32 [B, T, D], mask bool [B, T] → [B, T, D]."""
        b, t, _ = x.shape
        q, k, v = self.into(x).reshape(b, t, 3, self.heads, self.width).permute(2, 0, 3, 1, 4)
        bias = (~mask).to(x.dtype) * MASKED
        if torch.compiler.is_exporting():
            y = self._blocks(q * self.width**-0.5, k, v, bias)
        else:
            # One row of bias per window: autocast would turn an expanded one into T×T numbers.
            y = F.scaled_dot_product_attention(q, k, v, attn_mask=bias[:, None, None, :])
        joined: Tensor = self.out(y.transpose(1, 2).reshape(b, t, -1))
        return joined

    def _blocks(self, q: Tensor, k: Tensor, v: Tensor, bias: Tensor) -> Tensor:
        q = F.pad(q, (0, 1), value=1.0)
        k = torch.cat((k, bias[:, None, :, None].expand(*k.shape[:-1], 1)), dim=-1).transpose(-1, -2)
        parts = [torch.softmax(rows @ k, dim=-1) @ v for rows in torch.split(q, self.block, dim=2)]
        return torch.cat(parts, dim=2)


class Layer(nn.Module):
    """One pre-norm Transformer layer."""

    def __init__(self, dim: int, heads: int, feedforward: int, dropout: float) -> None:
        super().__init__()
        self.norm_a, self.norm_f = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attention = Attention(dim, heads)
        self.feed = nn.Sequential(nn.Linear(dim, feedforward), nn.GELU(), nn.Linear(feedforward, dim))
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        x = x + self.drop(self.attention(self.norm_a(x), mask))
        out: Tensor = x + self.drop(self.feed(self.norm_f(x)))
        return out


class Local(nn.Module):
    """Depthwise convolution over time, then a pointwise mix of channels, with a residual.

    A burst of a third of a second on top of slow sway shows in the differences between ticks, which attention
    with positions in seconds is slow to learn. ``ticks`` is odd; there is one row per tick.
    """

    def __init__(self, dim: int, ticks: int) -> None:
        super().__init__()
        if ticks % 2 == 0:
            raise ValueError(f"expected an odd number of ticks, found {ticks}")
        self.shape = nn.Conv1d(dim, 2 * dim, ticks, padding=ticks // 2, groups=dim)
        self.mix = nn.Linear(2 * dim, dim)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """x float32 [B, T, D], mask bool [B, T] → [B, T, D]; invalid rows add nothing to their neighbours."""
        valid = (x * mask[..., None].to(x.dtype)).transpose(1, 2)
        added: Tensor = self.mix(F.gelu(self.shape(valid)).transpose(1, 2))
        return x + added


class Encoder(nn.Module):
    """Transformer over time and the masked mean of its rows: [B, T, D], bool [B, T] → [B, D]."""

    def __init__(self, dim: int, layers: int, heads: int, feedforward: int, dropout: float = 0.0) -> None:
        super().__init__()
        if dim % (2 * heads):
            raise ValueError(f"width {dim} must be a multiple of twice the {heads} heads")
        self.layers = nn.ModuleList(Layer(dim, heads, feedforward, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(dim)

    def rows(self, x: Tensor, mask: Tensor) -> Tensor:
        """The rows before pooling, [B, T, D]."""
        for layer in self.layers:
            x = layer(x, mask)
        normed: Tensor = self.norm(x)
        return normed

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        return masked_mean(self.rows(x, mask), mask)
