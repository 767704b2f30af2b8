"""Heat-map volumes of joints and limbs, rendered on the fly (PoseC3D; kennymckormick/pyskl, heatmap.py).

A joint's map is exp(−d²/2σ²) · score around its sub-pixel place, cut beyond 3σ; a limb's map is the same with
the distance to its segment and the smaller score. σ is in pixels of the small map. Several points or limbs
may share a channel, which is then their maximum.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stream.records import Floats, Mask
from training.gestures.data.coordinates import Sampled
from training.gestures.points import Channels, Links

SIGMA = 0.6  # pixels
REACH = 3  # σ
FAINT = 1e-3  # scores below it are not drawn


def windows(
    squares: Floats, flipped: Mask, smallest: float, rng: np.random.Generator | None = None
) -> NDArray[np.float64]:
    """The part of each clip's plane that its maps show, float64 [B, 4] of x0, y0, x1, y1, shoulder widths.

    Without ``rng`` the whole square; with it a rectangle in it of ``smallest`` … 1 of its area, 3:4 … 4:3.
    ``flipped`` clips have their square mirrored.
    """
    x = np.where(flipped, -squares[:, 0], squares[:, 0]).astype(np.float64)
    y, half = squares[:, 1].astype(np.float64), squares[:, 2].astype(np.float64)
    if rng is None:
        return np.stack([x - half, y - half, x + half, y + half], 1)
    area = rng.uniform(smallest, 1.0, len(x))
    ratio = np.exp(rng.uniform(np.log(3 / 4), np.log(4 / 3), len(x)))
    wide, high = (np.minimum(np.sqrt(area * r), 1.0) for r in (ratio, 1 / ratio))
    left, top = (2 * half * (1 - side) * rng.random(len(x)) for side in (wide, high))
    x0, y0 = x - half + left, y - half + top
    return np.stack([x0, y0, x0 + 2 * half * wide, y0 + 2 * half * high], 1)


def pixels(s: Sampled, shown: NDArray[np.float64], size: int) -> tuple[Tensor, Tensor]:
    """Places in pixels of the map, float32 [B, K, T, 2], and scores 0 or 1, float32 [B, K, T]."""
    low, high = shown[:, None, None, :2], shown[:, None, None, 2:]
    at = (s.points - low) / (high - low) * size
    place = torch.from_numpy(np.ascontiguousarray(at.transpose(0, 2, 1, 3), np.float32))
    return place, torch.from_numpy(s.valid.transpose(0, 2, 1).astype(np.float32))


def joints(place: Tensor, score: Tensor, size: int, channels: Channels, sigma: float = SIGMA) -> Tensor:
    """Joint maps, float32 [B, C, T, S, S]; place: pixels [B, K, T, 2], score: [B, K, T]."""
    across, down = (_profile(place[..., i], size, sigma) for i in (0, 1))
    maps = (down * _drawn(score)[..., None])[..., :, None] * across[..., None, :]
    return _merged(maps, channels)


def _drawn(score: Tensor) -> Tensor:
    return torch.where(score < FAINT, torch.zeros_like(score), score)


def _profile(place: Tensor, size: int, sigma: float) -> Tensor:
    """One axis of a Gaussian, [..., S], zero beyond whole pixels around ± 3σ."""
    grid = torch.arange(size, device=place.device, dtype=place.dtype)
    at = place[..., None]
    first, last = torch.trunc(at - REACH * sigma).clamp(min=0), torch.trunc(at + REACH * sigma)
    inside = (grid >= first) & (grid <= last)
    return torch.exp(-((grid - at) ** 2) / (2 * sigma**2)) * inside


def limbs(
    place: Tensor, score: Tensor, size: int, links: Links, channels: Channels, sigma: float = SIGMA
) -> Tensor:
    """Limb maps, float32 [B, C, T, S, S]; a segment shorter than a pixel is drawn as its first point."""
    first, second = (list(ends) for ends in zip(*links, strict=True))
    least = _drawn(torch.minimum(score[:, first], score[:, second]))
    # Clip by clip: what a clip needs stays in a core's cache, a whole batch's does not.
    return torch.cat(
        [
            _merged(_segments(a[first], a[second], n, size, sigma)[None], channels)
            for a, n in zip(place, least, strict=True)
        ]
    )


def _segments(a: Tensor, b: Tensor, score: Tensor, size: int, sigma: float) -> Tensor:
    """Maps of segments from ``a`` to ``b``, [L, T, S, S]; places [L, T, 2] in pixels, score [L, T]."""
    grid = torch.arange(size, device=a.device, dtype=a.dtype)
    x, y = grid, grid[:, None]
    ax, ay = a[..., 0, None, None], a[..., 1, None, None]
    dx, dy = b[..., 0, None, None] - ax, b[..., 1, None, None] - ay
    long2 = dx**2 + dy**2
    short = long2 < 1
    # The foot of each pixel on the line is a sum of a part of its row and a part of its column.
    scale = torch.where(short, torch.zeros_like(long2), 1 / long2.clamp(min=1))
    along = ((x - ax) * (dx * scale) + (y - ay) * (dy * scale)).clamp_(0, 1)
    across = torch.addcmul(x - ax, along, dx, value=-1)
    down = torch.addcmul(y - ay, along, dy, value=-1)
    d2 = across.square_().add_(down.square_())
    rows = _within(y, ay, torch.where(short, ay, ay + dy), sigma) * score[..., None, None]
    columns = _within(x, ax, torch.where(short, ax, ax + dx), sigma)
    return d2.mul_(-1 / (2 * sigma**2)).exp_().mul_(columns).mul_(rows)


def _within(grid: Tensor, a: Tensor, b: Tensor, sigma: float) -> Tensor:
    low = torch.trunc(torch.minimum(a, b) - REACH * sigma).clamp(min=0)
    return (grid >= low) & (grid <= torch.trunc(torch.maximum(a, b) + REACH * sigma))


def _merged(maps: Tensor, channels: Channels) -> Tensor:
    if all(len(c) == 1 for c in channels) and len(channels) == maps.shape[1]:
        return maps
    return torch.stack([maps[:, list(c)].amax(1) for c in channels], 1)
