"""Picture branches from torchvision: Swin3D and R(2+1)D, with Kinetics weights from a file or none.

Swin3D: SwinTransformer3d with patch (2, 4, 4), window (8, 7, 7); R(2+1)D-18. Their own heads are replaced by
a head of 32 classes. Small forms of both are for two CPU cores.
"""

from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
import torchvision
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from stream.errors import ModelError
from stream.files import sha256_of
from training.gestures.recipe import Network

# Mean and deviation of RGB in 0..1 that the published weights expect (torchvision's presets).
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
KINETICS = ((0.43216, 0.394666, 0.37645), (0.22803, 0.22145, 0.216989))


class Pictures(nn.Module):
    """uint8 or float [B, 3, T, S, S] in 0..255 → pooled features [B, F] of a torchvision network."""

    mean: Tensor
    std: Tensor

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network
        self.body, self.width = _bodies()[network]()
        mean, std = KINETICS if network.startswith("r2plus1d") else IMAGENET
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.body((x.float() / 255 - self.mean) / self.std)
        return found


def _bodies() -> dict[Network, Any]:
    models = torchvision.models.video
    return {
        "swin3d_s": lambda: _swin(models.swin3d_s(weights=None)),
        "swin3d_t": lambda: _swin(models.swin3d_t(weights=None)),
        "swin3d_small": lambda: _swin(_small_swin()),
        "r2plus1d_18": lambda: _resnet(models.r2plus1d_18(weights=None)),
        "r2plus1d_small": _small_r2plus1d,
    }


def _swin(body: Any) -> tuple[nn.Module, int]:
    width = int(body.num_features)
    body.head = nn.Identity()
    return body, width


def _resnet(body: Any) -> tuple[nn.Module, int]:
    width = int(body.fc.in_features)
    body.fc = nn.Identity()
    return body, width


def _small_swin() -> nn.Module:
    found: nn.Module = torchvision.models.video.SwinTransformer3d(
        patch_size=[2, 4, 4],
        embed_dim=24,
        depths=[1, 1, 2],
        num_heads=[1, 2, 4],
        window_size=[4, 4, 4],
        stochastic_depth_prob=0.0,
    )
    return found


class Factored(nn.Module):
    """A (2+1)D convolution: 1×3×3 in space, then 3×1×1 in time, each with batch norm and ReLU."""

    def __init__(self, inside: int, out: int, stride: tuple[int, int, int]) -> None:
        super().__init__()
        space, time = (1, stride[1], stride[2]), (stride[0], 1, 1)
        self.layers = nn.Sequential(
            nn.Conv3d(inside, out, (1, 3, 3), space, (0, 1, 1), bias=False),
            nn.BatchNorm3d(out),
            nn.ReLU(),
            nn.Conv3d(out, out, (3, 1, 1), time, (1, 0, 0), bias=False),
            nn.BatchNorm3d(out),
            nn.ReLU(),
        )

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.layers(x)
        return found


def _small_r2plus1d() -> tuple[nn.Module, int]:
    # Four halvings, so that what is pooled has seen where in the picture a hand is.
    widths, layers, inside = (16, 32, 64, 96), [], 3
    for i, out in enumerate(widths):
        layers.append(Factored(inside, out, (1 if i == 0 else 2, 2, 2)))
        inside = out
    body = nn.Sequential(*layers, nn.AdaptiveAvgPool3d(1), nn.Flatten())
    return body, inside


def load_weights(branch: Pictures, path: Path, sha256: str = "") -> list[str]:
    """Put published weights into ``branch`` and return the names that it has and the file has not.

    ``path``: a state dictionary of torchvision's network (``.safetensors``, or ``.pth`` weights alone).
    ModelError for another hash, and for weights of another network.
    """
    if not path.is_file():
        raise ModelError(f"{path}: expected weights, found no file; give a file or leave weights empty.")
    if sha256 and (found := sha256_of(path)) != sha256:
        raise ModelError(
            f"{path}: expected sha256 {sha256[:12]}, found {found[:12]}; fetch the file again "
            "or correct the recipe."
        )
    try:
        if path.suffix == ".safetensors":
            weights: dict[str, Tensor] = load_file(path)
        else:
            weights = torch.load(path, map_location="cpu", weights_only=True)
        own = branch.body.state_dict()
        kept = {k: v for k, v in weights.items() if k in own and own[k].shape == v.shape}
        if len(kept) < 0.9 * len(own):
            raise ValueError(f"{len(kept)} of {len(own)} tensors fit")
        branch.body.load_state_dict(kept, strict=False)
    except (OSError, ValueError, RuntimeError, AttributeError, UnpicklingError, SafetensorError) as error:
        line = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelError(
            f"{path}: expected weights of {branch.network}, found others ({line}); give the right file."
        ) from error
    return sorted(own.keys() - kept.keys())
