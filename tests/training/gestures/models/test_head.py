"""Every branch's head: logits, a unit vector, and what is exported of it."""

import torch
from torch import nn

from training.gestures.models.head import Branch, Head, LogitsOnly, Said, all_finite, parameters_of


def test_a_head_gives_logits_and_a_unit_vector():
    head = Head(5, dropout=0.5).eval()
    said = head(torch.randn(3, 5))
    assert said.logits.shape == (3, 32)
    assert said.embedding.shape == (3, 64)
    assert torch.allclose(said.embedding.norm(dim=1), torch.ones(3))
    assert parameters_of(head) == 5 * 32 + 32 + 5 * 64


def test_the_embedding_is_taken_before_dropout():
    head = Head(5, dropout=0.9).train()
    x = torch.randn(3, 5)
    assert torch.equal(head(x).embedding, head(x).embedding)
    assert not torch.equal(head(x).logits, head(x).logits)


def test_what_is_exported_are_the_logits():
    branch = Branch(nn.Linear(4, 5), 5).eval()
    x = torch.randn(2, 4)
    assert torch.equal(LogitsOnly(branch)(x), branch(x).logits)


def test_what_is_not_finite_is_seen():
    fine, broken = torch.zeros(1, 32), torch.full((1, 64), float("nan"))
    assert all_finite(Said(fine, fine))
    assert not all_finite(Said(fine, broken))
