"""The ring encoder: bands, phases, and one layer against sums written out by hand."""

import numpy as np
import pytest
import torch

from export.modules.ring import Ring, bands_of, rotary_phases

STREAMS, DIM, HEADS = 2, 16, 2


@pytest.mark.parametrize(
    ("span", "layers", "local", "bands"),
    [
        (4000, 3, 0, (1334, 1334, 1334)),
        (800, 3, 0, (267, 267, 268)),
        (4000, 3, 15, (1329, 1329, 1330)),
        (10, 1, 0, (10,)),
    ],
)
def test_bands_reach_exactly_over_the_span(span, layers, local, bands):
    found = bands_of(span, layers, local)
    assert found == bands
    assert sum(b - 1 for b in found) + max(local - 1, 0) + 1 == span


def test_a_span_too_short_for_its_layers_is_refused():
    with pytest.raises(ValueError, match="more than 3 rows"):
        bands_of(3, 3)


def test_one_layer_is_banded_softmax_attention_with_rotary_positions():
    """Against a loop in float64 over one query at a time."""
    torch.manual_seed(0)
    ring = Ring(STREAMS, DIM, HEADS, 24, bands_of(7, 1), step_s=0.04)
    layer, rows = ring.layers[0], 20
    x, mask = torch.randn(STREAMS, 1, rows, DIM), torch.rand(STREAMS, 1, rows) < 0.7
    with torch.no_grad():
        found = layer(x, (~mask).float() * -1e4, *rotary_phases(torch.arange(rows), DIM // HEADS, 0.04))
    period = np.exp(np.linspace(np.log(0.4), np.log(640.0), DIM // HEADS // 2))

    def plain(tensor):
        return tensor.detach().double().numpy()

    def normed(v):
        return (v - v.mean(-1, keepdims=True)) / np.sqrt(v.var(-1, keepdims=True) + 1e-5)

    def turned(v, t):
        pairs = v[: len(v) // 2] + 1j * v[len(v) // 2 :]
        pairs = pairs * np.exp(2j * np.pi * t * 0.04 / period)
        return np.concatenate((pairs.real, pairs.imag))

    for s in range(STREAMS):
        into = normed(plain(x[s, 0])) @ plain(layer.into.weight[s]) + plain(layer.into.bias[s])
        q, k, v = into.reshape(rows, 3, HEADS, -1).transpose(1, 0, 2, 3)
        for t in torch.nonzero(mask[s, 0])[:, 0].tolist():
            seen = [j for j in range(max(t - 6, 0), t + 1) if mask[s, 0, j]]
            heard = []
            for h in range(HEADS):
                scores = np.array([turned(q[t, h], t) @ turned(k[j, h], j) for j in seen])
                weight = np.exp(scores / np.sqrt(DIM / HEADS))
                heard.append((weight / weight.sum()) @ v[seen, h])
            y = (
                plain(x[s, 0, t])
                + np.concatenate(heard) @ plain(layer.out.weight[s])
                + plain(layer.out.bias[s])[0]
            )
            up = normed(y) @ plain(layer.up.weight[s]) + plain(layer.up.bias[s])[0]
            gelu = up * 0.5 * (1 + torch.erf(torch.from_numpy(up) / 2**0.5).numpy())
            y = y + gelu @ plain(layer.down.weight[s]) + plain(layer.down.bias[s])[0]
            np.testing.assert_allclose(found[s, 0, t].numpy(), y, atol=2e-5)


def test_phases_stay_exact_at_great_tick_numbers():
    cos, sin = rotary_phases(torch.tensor([10**8]), 8, 0.04)
    period = np.exp(np.linspace(np.log(0.4), np.log(640.0), 4))
    angle = 2 * np.pi * ((10**8 * 0.04 / period) % 1.0)
    np.testing.assert_allclose(cos[0, :4].numpy(), np.cos(angle), atol=2e-7)
    np.testing.assert_allclose(sin[0, :4].numpy(), np.sin(angle), atol=2e-7)
