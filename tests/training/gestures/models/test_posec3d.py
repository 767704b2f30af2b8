"""PoseC3D against an independent, slow implementation in NumPy, and its published size."""

import numpy as np
import pytest
import torch

from training.gestures.models.head import Branch, parameters_of
from training.gestures.models.posec3d import PoseC3D

EPSILON = 1e-5


def convolve(x, weight, stride, padding):
    """x: [B, C, T, H, W]; weight: [O, C, t, h, w]: one kernel position after the other."""
    x = np.pad(x, ((0, 0), (0, 0), *((p, p) for p in padding)))
    kernel = weight.shape[2:]
    size = [(n - k) // s + 1 for n, k, s in zip(x.shape[2:], kernel, stride, strict=True)]
    found = np.zeros((len(x), len(weight), *size))
    for t in range(kernel[0]):
        for h in range(kernel[1]):
            for w in range(kernel[2]):
                part = x[
                    :,
                    :,
                    t : t + size[0] * stride[0] : stride[0],
                    h : h + size[1] * stride[1] : stride[1],
                    w : w + size[2] * stride[2] : stride[2],
                ]
                found += np.einsum("bcthw,oc->bothw", part, weight[:, :, t, h, w])
    return found


def pooled(x):
    """Maximum over 3 × 3 pixels, stride 1."""
    padded = np.pad(x, ((0, 0), (0, 0), (0, 0), (1, 1), (1, 1)), constant_values=-np.inf)
    shifts = [padded[..., h : h + x.shape[-2], w : w + x.shape[-1]] for h in range(3) for w in range(3)]
    return np.max(shifts, axis=0)


class Reference:
    """The table of the network as it is published, by the names of the weights; evaluation mode."""

    def __init__(self, weights):
        self.weights = {k: v.double().numpy() for k, v in weights.items()}

    def layer(self, x, name, stride=(1, 1, 1)):
        w = self.weights[f"{name}.conv.weight"]
        y = convolve(x, w, stride, [k // 2 for k in w.shape[2:]])
        mean, var, gain, bias = (
            self.weights[f"{name}.norm.{key}"].reshape(1, -1, 1, 1, 1)
            for key in ("running_mean", "running_var", "weight", "bias")
        )
        return (y - mean) / np.sqrt(var + EPSILON) * gain + bias

    def __call__(self, x, blocks):
        x = pooled(np.maximum(self.layer(x, "stem"), 0))
        i = 0
        for stage, count in enumerate(blocks):
            for first in (True, *[False] * (count - 1)):
                stride = ((1, 2, 2), (1, 2, 2), (2, 2, 2))[stage] if first else (1, 1, 1)
                y = np.maximum(self.layer(x, f"blocks.{i}.narrow"), 0)
                y = np.maximum(self.layer(y, f"blocks.{i}.look", stride), 0)
                y = self.layer(y, f"blocks.{i}.widen")
                x = self.layer(x, f"blocks.{i}.shortcut", stride) if first else x
                x = np.maximum(x + y, 0)
                i += 1
        return x.mean((2, 3, 4))


def random_weights(module, seed):
    generator = torch.Generator().manual_seed(seed)
    for name, value in module.state_dict().items():
        if value.is_floating_point():
            drawn = torch.randn(value.shape, generator=generator)
            value.copy_(drawn.abs() + 0.5 if name.endswith("running_var") else 0.3 * drawn)


@pytest.mark.parametrize(("shape", "blocks"), [((2, 5, 6, 16, 16), (1, 2, 1)), ((1, 3, 8, 8, 8), (2, 1, 2))])
def test_the_forward_pass_is_that_of_the_slow_network(shape, blocks):
    net = PoseC3D(shape[1], 4, blocks).eval()
    random_weights(net, 1)
    x = torch.rand(shape, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        found = net(x).numpy()
    expected = Reference(net.state_dict())(x.double().numpy(), blocks)
    assert found.shape == (shape[0], 64)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())
    assert np.abs(expected).std() > 0


@pytest.mark.parametrize(("channels", "millions"), [(68, 2.09), (36, 2.04)])
def test_the_published_size(channels, millions):
    net = PoseC3D(channels)
    assert net.width == 512
    logits = 512 * 32 + 32
    assert (parameters_of(net) + logits) / 1e6 == pytest.approx(millions, abs=0.005)


def test_shapes_of_the_stages():
    net = PoseC3D(68).eval()
    sizes = []
    for block in net.blocks:
        block.register_forward_hook(lambda _m, _i, y: sizes.append(tuple(y.shape[1:])))
    with torch.no_grad():
        net(torch.zeros(1, 68, 4, 16, 16))
    assert sizes[0] == (128, 4, 8, 8)
    assert sizes[4] == (256, 4, 4, 4)
    assert sizes[-1] == (512, 2, 2, 2)
    assert len(sizes) == 13


def test_each_block_begins_as_its_shortcut():
    net = PoseC3D(4, 4, (1, 1, 1))
    for block in net.blocks:
        assert not block.widen.norm.weight.any()


def test_an_empty_volume_gives_finite_logits():
    said = Branch(PoseC3D(4, 4, (1, 1, 1)), 64).eval()(torch.zeros(2, 4, 4, 8, 8))
    assert said.logits.shape == (2, 32)
    assert torch.isfinite(said.logits).all()
    assert torch.isfinite(said.embedding).all()
