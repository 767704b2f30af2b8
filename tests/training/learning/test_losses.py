import math

import pytest
import torch
from torch.nn import functional as F

from training.learning.losses import focal


def reference(logit: float, label: int, gamma: float, alpha: float) -> float:
    """−α_t·(1−p_t)^γ·log p_t, doubled, as the focal-loss paper writes it."""
    p = 1 / (1 + math.exp(-logit))
    p_t, alpha_t = (p, alpha) if label else (1 - p, 1 - alpha)
    return -2 * alpha_t * (1 - p_t) ** gamma * math.log(p_t)


@pytest.mark.parametrize("label", [0, 1])
@pytest.mark.parametrize("logit", [-6.0, -0.5, 0.0, 2.0])
@pytest.mark.parametrize(("gamma", "alpha"), [(0.0, 0.5), (2.0, 0.25), (1.0, 0.7)])
def test_focal_is_the_formula(logit, label, gamma, alpha):
    found = focal(torch.tensor([logit]), torch.tensor([float(label)]), gamma=gamma, alpha=alpha)
    assert float(found) == pytest.approx(reference(logit, label, gamma, alpha), rel=1e-5)


def test_without_focus_it_is_cross_entropy_also_for_probabilities():
    logit, target = torch.randn(50), torch.rand(50)
    expected = F.binary_cross_entropy_with_logits(logit, target)
    assert torch.allclose(focal(logit, target, gamma=0.0, alpha=0.5), expected)


def test_a_sure_and_right_window_weighs_less_the_higher_gamma():
    logit, target = torch.tensor([3.0]), torch.tensor([1.0])
    losses = [float(focal(logit, target, gamma=g)) for g in (0.0, 1.0, 2.0)]
    assert losses == sorted(losses, reverse=True)


def test_weights_leave_windows_out():
    logit, target = torch.tensor([1.0, -9.0]), torch.tensor([1.0, 1.0])
    assert torch.allclose(focal(logit, target, weight=torch.tensor([1.0, 0.0])), focal(logit[:1], target[:1]))


def test_far_logits_stay_finite():
    logit = torch.tensor([-200.0, 200.0], requires_grad=True)
    focal(logit, torch.tensor([1.0, 0.0])).backward()
    assert torch.isfinite(logit.grad).all()
