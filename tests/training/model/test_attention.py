"""Attention as training runs it: no score for every pair of ticks in memory, and still plain attention."""

import pytest
import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.profiler import ProfilerActivity, profile

from export.modules.traceable import Attention, Encoder

TICKS = 4000


@pytest.fixture(autouse=True)
def _one_thread():
    """The fused kernel has a small buffer for every thread; their number is no part of the question."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def largest_allocation(encoder: Encoder, ticks: int, *, mixed: bool) -> int:
    """Bytes of the largest single allocation of a forward and a backward pass, kernels' own included."""
    x, mask = torch.randn(2, ticks, 16, requires_grad=True), torch.rand(2, ticks) < 0.8
    with (
        profile(activities=[ProfilerActivity.CPU], profile_memory=True, acc_events=True) as seen,
        torch.autocast("cpu", torch.bfloat16, enabled=mixed),
    ):
        encoder(x, mask).square().sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()
    return max(e.nbytes() for e in seen.profiler.kineto_results.events() if e.name() == "[memory]")


@pytest.mark.parametrize("mixed", [False, True], ids=["float32", "bfloat16"])
def test_no_tensor_of_all_pairs_of_ticks(mixed):
    encoder = Encoder(16, layers=2, heads=2, feedforward=32, dropout=0.1).train()
    # Not even one byte a pair. What is allowed grows with the ticks, not with their square.
    assert largest_allocation(encoder, TICKS, mixed=mixed) < TICKS * TICKS


def test_unfused_attention_would_be_seen():
    ticks = 1000
    encoder = Encoder(16, layers=1, heads=2, feedforward=32)
    with sdpa_kernel(SDPBackend.MATH):
        assert largest_allocation(encoder, ticks, mixed=False) >= 2 * 2 * ticks * ticks * 4


def plain(attention: Attention, x: Tensor, mask: Tensor) -> Tensor:
    """Softmax over the valid keys alone, window by window and head by head."""
    windows = []
    for rows, valid in zip(x, mask, strict=True):
        q, k, v = (part.split(attention.width, dim=1) for part in attention.into(rows).chunk(3, dim=1))
        heads = []
        for h in range(attention.heads):
            scores = q[h] @ k[h][valid].T / attention.width**0.5
            heads.append(torch.softmax(scores, dim=1) @ v[h][valid])
        windows.append(attention.out(torch.cat(heads, dim=1)))
    return torch.stack(windows)


def test_it_is_softmax_over_the_valid_keys_and_so_are_its_gradients():
    torch.manual_seed(0)
    attention = Attention(24, heads=3).double()
    x = torch.randn(3, 17, 24, dtype=torch.float64, requires_grad=True)
    mask = torch.rand(3, 17) < 0.6
    mask[0], mask[1, 1:] = True, False  # all valid; a single one
    mask[1, 0] = True
    known = [x, *attention.parameters()]
    weight = torch.randn(3, 17, 24, dtype=torch.float64)  # so that every row counts differently
    found, expected = attention(x, mask), plain(attention, x, mask)
    torch.testing.assert_close(found, expected)
    ours = torch.autograd.grad((weight * found).sum(), known)
    theirs = torch.autograd.grad((weight * expected).sum(), known)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b)
