import pytest
import torch
from torch import nn

from export.modules.branches import LIMIT, Fusion, Image, Keypoints
from export.modules.traceable import Encoder
from stream.bundle.manifest import Window
from stream.skeleton import GROUPS

OUT, DIM = 8, 16


def keypoints(poses, local=0):
    torch.manual_seed(0)
    window = Window(poses=poses, features=poses // 5)
    spatial = {name: nn.Linear(width, DIM) for name, width in window.widths.items()}
    encoders = {name: Encoder(DIM, 1, 1, 32) for name in GROUPS}
    return Keypoints(window, spatial, encoders, DIM, OUT, local).eval()


def window_inputs(poses, seed=1):
    generator = torch.Generator().manual_seed(seed)
    widths = Window(poses=poses, features=1).widths.values()
    values = [torch.randn(1, poses, width, generator=generator) for width in widths]
    masks = [torch.rand(1, poses, generator=generator) < 0.7 for _ in widths]
    return values, masks


@pytest.mark.parametrize("local", [0, 7])
def test_a_partly_filled_window_is_the_shorter_window(local):
    values, masks = window_inputs(40)
    short = keypoints(40, local)(*values, *masks)
    padded = [torch.cat((torch.full((1, 60, v.shape[2]), 9.0), v), 1) for v in values]
    masked = [torch.cat((torch.zeros(1, 60, dtype=torch.bool), m), 1) for m in masks]
    torch.testing.assert_close(keypoints(100, local)(*padded, *masked), short, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("local", [0, 7])
@pytest.mark.parametrize("lost", range(3))
def test_a_lost_group_uses_its_absent_vector(lost, local):
    model = keypoints(30, local)
    values, masks = window_inputs(30)
    masks[lost] = torch.zeros_like(masks[lost])
    before = model(*values, *masks)
    values[lost] = values[lost] + 5
    assert torch.equal(before, model(*values, *masks))
    with torch.no_grad():
        model.absent[list(GROUPS)[lost]].add_(1.0)
    assert not torch.allclose(before, model(*values, *masks))


def test_nothing_valid_at_all_gives_numbers():
    values, masks = window_inputs(30)
    vector = keypoints(30)(*values, *(torch.zeros_like(m) for m in masks))
    assert torch.isfinite(vector).all()


def test_image_ignores_masked_slots():
    torch.manual_seed(0)
    image = Image(Window(poses=50, features=10), 12, Encoder(DIM, 1, 1, 32), DIM, OUT).eval()
    features, mask = torch.randn(1, 10, 12), torch.rand(1, 10) < 0.5
    other = torch.where(mask[..., None], features, torch.full_like(features, -4.0))
    torch.testing.assert_close(image(features, mask), image(other, mask))


@pytest.mark.parametrize("absent", range(3))
def test_fusion_ignores_the_input_of_an_absent_branch(absent):
    torch.manual_seed(0)
    fusion = Fusion(OUT).eval()
    vectors = [torch.randn(4, OUT) for _ in range(3)]
    present = torch.ones(4, 3, dtype=torch.bool)
    everything = fusion(*vectors, present)
    present[:, absent] = False
    without = fusion(*vectors, present)
    vectors[absent] = torch.full((4, OUT), 1e6)
    assert torch.equal(without, fusion(*vectors, present))
    assert not torch.allclose(without, everything)


def test_the_fused_logit_is_bounded():
    fusion = Fusion(OUT)
    with torch.no_grad():
        fusion.head.weight.mul_(1e6)
    logit = fusion(*(torch.randn(64, OUT) for _ in range(3)), torch.ones(64, 3, dtype=torch.bool))
    assert logit.abs().max() <= LIMIT
