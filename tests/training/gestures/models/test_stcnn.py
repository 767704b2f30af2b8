"""Decoupled ST-CNN: its size, and space and time apart."""

import pytest
import torch

from training.gestures.models.head import Branch, parameters_of
from training.gestures.models.stcnn import STCNN

FULL = (64, 64, 128, 128, 256), (1, 1, 2, 1, 2)


def test_the_size_of_the_coordinates_branch():
    net = STCNN(68, *FULL)
    assert (parameters_of(net) + 256 * 32 + 32) / 1e6 == pytest.approx(0.253, abs=0.01)
    assert net(torch.zeros(2, 6, 64, 68)).shape == (2, 256)


def test_a_clip_of_nobody_gives_finite_logits():
    branch = Branch(STCNN(36, (8, 8), (1, 2)), 8)
    for training in (True, False):
        said = branch.train(training)(torch.zeros(3, 6, 16, 36))
        assert torch.isfinite(said.logits).all()
        assert torch.isfinite(said.embedding).all()


def test_space_and_time_share_no_kernel():
    """A change of one tick leaves other ticks alone in space, one of a point leaves others alone in time."""
    block = STCNN(5, (8,), (1,)).eval().blocks[0]
    x = torch.randn(1, 6, 20, 5)
    y = x.clone()
    y[:, :, 10] += 1
    with torch.no_grad():
        space = [torch.matmul(block.channels(v), block.mix) for v in (x, y)]
        changed = (space[0] != space[1]).any(1).any(-1)[0]
        assert changed.nonzero().flatten().tolist() == [10]
        time = [block.point(block.time(v)) for v in (space[0], space[0] + torch.eye(5)[0])]
    assert (time[0] != time[1]).any(1).any(1)[0].nonzero().flatten().tolist() == [0]
