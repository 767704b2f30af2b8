import pytest
import torch

from export.modules.traceable import Attention, Encoder, Local, masked_mean, positions


def test_positions_depend_on_the_distance_from_the_end_only():
    long, short = positions(500, 16, 0.04), positions(40, 16, 0.04)
    assert torch.equal(long[-40:], short)
    assert not torch.allclose(long[0], long[-1])


def test_masked_mean_of_nothing_is_zero():
    x = torch.randn(2, 5, 3)
    mask = torch.tensor([[False] * 5, [False, True, False, True, False]])
    pooled = masked_mean(x, mask)
    assert torch.equal(pooled[0], torch.zeros(3))
    assert torch.allclose(pooled[1], (x[1, 1] + x[1, 3]) / 2)


def test_blocks_give_what_the_fused_kernel_gives():
    torch.manual_seed(0)
    attention = Attention(32, heads=2, block=7).eval()
    x, mask = torch.randn(1, 40, 32), torch.rand(1, 40) < 0.6
    q, k, v = attention.into(x).reshape(1, 40, 3, 2, 16).permute(2, 0, 3, 1, 4)
    y = attention._blocks(q * 16**-0.5, k, v, (~mask).float() * -1e4)
    blocks = attention.out(y.transpose(1, 2).reshape(1, 40, 32))
    torch.testing.assert_close(blocks, attention(x, mask), atol=1e-5, rtol=1e-5)


def test_neighbours_in_time_are_summed_as_a_plain_loop_sums_them():
    torch.manual_seed(0)
    local = Local(4, ticks=5)
    x, mask = torch.randn(1, 12, 4), torch.rand(1, 12) < 0.7
    weight, bias = local.shape.weight[:, 0], local.shape.bias
    expected = []
    for t in range(12):
        sums = bias.clone()
        for k in range(-2, 3):
            if 0 <= t + k < 12 and mask[0, t + k]:
                for channel in range(8):
                    sums[channel] += weight[channel, k + 2] * x[0, t + k, channel // 2]
        expected.append(x[0, t] + local.mix(torch.nn.functional.gelu(sums)))
    torch.testing.assert_close(local(x, mask)[0], torch.stack(expected))


def test_an_even_number_of_neighbours_has_no_middle():
    with pytest.raises(ValueError, match="odd number of ticks, found 4"):
        Local(8, ticks=4)


def test_masked_rows_change_nothing():
    torch.manual_seed(0)
    encoder = Encoder(16, layers=2, heads=2, feedforward=32).eval()
    x, mask = torch.randn(1, 30, 16), torch.rand(1, 30) < 0.5
    other = torch.where(mask[..., None], x, torch.full_like(x, 77.0))
    assert torch.allclose(encoder(x, mask), encoder(other, mask), atol=1e-6)


def test_a_fully_masked_window_gives_numbers():
    encoder = Encoder(16, layers=2, heads=1, feedforward=32).eval()
    out = encoder(torch.randn(1, 30, 16), torch.zeros(1, 30, dtype=torch.bool))
    assert torch.equal(out, torch.zeros(1, 16))
