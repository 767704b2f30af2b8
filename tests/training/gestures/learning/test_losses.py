"""Class weights, anchors and losses, by numbers that can be worked out by hand."""

import numpy as np
import pytest
import torch

from stream.errors import UsageError
from training.gestures.learning import losses
from training.gestures.models.head import Said
from training.gestures.recipe import Objective

ONES = torch.ones(32)


def counts(**n):
    found = np.zeros(32, np.int64)
    for key, value in n.items():
        found[int(key[1:])] = value
    return found


def test_square_root_weights_have_mean_one_and_a_bounded_ratio():
    n = counts(c0=2000, c1=1, c2=300)
    found = losses.class_weights(n, Objective(smoothing=0.0, cap=1e9))
    assert (n * found).sum() / n.sum() == pytest.approx(1)
    assert found[1] / found[0] == pytest.approx(2000**0.5)
    assert found[1] / found[0] <= 44.8
    smoothed = losses.class_weights(n, Objective(cap=1e9))
    assert smoothed[1] / smoothed[0] == pytest.approx((2010 / 11) ** 0.5)
    assert found[5] == 0
    assert losses.class_weights(n, Objective(smoothing=0.0, cap=3.0)).max() == 3


@pytest.mark.parametrize("balance", ["sqrt", "inverse", "effective", "none"])
def test_rarer_classes_never_weigh_less(balance):
    n = counts(c0=5000, c1=500, c2=50, c3=5)
    found = losses.class_weights(n, Objective(balance=balance, cap=1e9))
    assert (np.diff(found[:4]) >= 0).all()
    assert (n * found).sum() / n.sum() == pytest.approx(1)
    if balance == "inverse":
        assert found[3] / found[0] == pytest.approx(1000)
    if balance == "effective":
        assert found[3] / found[0] < 1000
    if balance == "none":
        assert set(found) == {0.0, 1.0}


def test_anchors_are_orthonormal_and_not_learnt():
    found = losses.orthogonal_anchors(3)
    assert found.shape == (32, 64)
    assert (found @ found.T - torch.eye(32)).abs().max() < 1e-6
    assert not found.requires_grad
    assert torch.equal(found, losses.orthogonal_anchors(3))
    assert not torch.equal(found, losses.orthogonal_anchors(4))


def test_the_simplex_has_equal_angles():
    found = losses.simplex_anchors(0)
    cosines = found @ found.T
    off = cosines[~torch.eye(32, dtype=torch.bool)]
    assert (off + 1 / 31).abs().max() < 1e-5
    assert (cosines.diagonal() - 1).abs().max() < 1e-5


def test_the_embedding_loss_is_zero_at_the_own_anchor_and_one_at_another():
    anchors, label = losses.orthogonal_anchors(0), torch.tensor([4, 7])
    at_home = losses.embedding_loss(anchors[label], label, anchors, ONES, 0.1)
    assert float(at_home) == pytest.approx(0, abs=1e-6)
    away = losses.embedding_loss(anchors[[5, 8]], label, anchors, ONES, 0.1)
    assert float(away) == pytest.approx(1 + 0.1 / 31, abs=1e-5)
    opposite = losses.embedding_loss(-anchors[label], label, anchors, ONES, 0.1)
    assert float(opposite) == pytest.approx(2, abs=1e-5)


def test_the_embedding_loss_pulls_features_to_their_anchor():
    anchors, label = losses.orthogonal_anchors(0), torch.tensor([4])
    e = torch.nn.functional.normalize(torch.randn(1, 64, generator=torch.Generator().manual_seed(0)), dim=1)
    e.requires_grad_(True)
    losses.embedding_loss(e, label, anchors, ONES, 0.1).backward()
    assert float((e.grad @ anchors.T)[0, 4]) < 0
    others = torch.arange(32) != 4
    assert ((e.grad @ anchors.T)[0, others] >= -1e-6).all()


def test_cross_entropy_weighs_classes_and_clips():
    logits, label = torch.zeros(2, 32), torch.tensor([0, 1])
    weights = torch.ones(32)
    weights[1] = 3
    plain = losses.cross_entropy(logits, label, weights)
    assert float(plain) == pytest.approx(np.log(32) * 2, rel=1e-5)
    half = losses.cross_entropy(logits, label, weights, torch.tensor([1.0, 0.0]))
    assert float(half) == pytest.approx(np.log(32) / 2, rel=1e-5)


def test_lambda_grows_over_the_ramp():
    anchors, label = losses.orthogonal_anchors(0), torch.tensor([4])
    said = Said(torch.zeros(1, 32), anchors[[5]])
    objective = Objective(weight=0.5, ramp=0.1)
    at = [
        float(losses.total(said, label, torch.ones(1), ONES, anchors, objective, done))
        for done in (0.0, 0.05, 0.1, 1.0)
    ]
    entropy, away = np.log(32), 1 + 0.1 / 31
    assert at == pytest.approx([entropy, entropy + 0.25 * away, *[entropy + 0.5 * away] * 2], rel=1e-4)
    assert float(losses.total(said, label, torch.ones(1), ONES, None, objective, 1.0)) == pytest.approx(
        entropy
    )


def test_label_vectors_come_from_a_file(tmp_path):
    path = tmp_path / "vectors.npy"
    np.save(path, np.random.default_rng(0).standard_normal((32, 300)).astype(np.float32))
    objective = Objective(embedding="vectors", vectors=str(path))
    found = losses.anchors_of(objective, 0)
    assert found.shape == (32, 64)
    assert (found.norm(dim=1) - 1).abs().max() < 1e-5
    said = Said(torch.zeros(1, 32), found[[4]])
    value = losses.total(said, torch.tensor([4]), torch.ones(1), ONES, found, objective, 1.0)
    assert float(value) == pytest.approx(np.log(32), rel=1e-5)
    np.save(path, np.zeros((31, 300)))
    with pytest.raises(UsageError, match=r"expected finite label vectors \[32, D\], found \[31, 300\]"):
        losses.anchors_of(objective, 0)
    path.write_text("no array")
    with pytest.raises(UsageError, match=r"expected a .npy file of label vectors"):
        losses.anchors_of(objective, 0)
    assert losses.anchors_of(Objective(embedding="none"), 0) is None
