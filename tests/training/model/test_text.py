"""Word pieces that repeat exactly, and a BERT of the recipe's sizes."""

import pytest
import torch

from training.config import Bert
from training.model.text import SPECIAL, build_bert, train_tokenizer

TEXTS = ["He nods and nods.", "She smiles; a small nod.", "He frowns."]


def test_the_same_texts_in_another_order_give_the_same_pieces():
    one, other = train_tokenizer(TEXTS, 200), train_tokenizer(TEXTS[::-1], 200)
    assert one.get_vocab() == other.get_vocab()
    assert [one.get_vocab()[piece] for piece in SPECIAL] == [0, 1, 2, 3]


def test_a_text_begins_and_ends_with_marks_and_any_word_is_spelt():
    tokenizer = train_tokenizer(TEXTS, 200)
    assert tokenizer.encode("NODS").tokens == ["[CLS]", "nods", "[SEP]"]
    spelt = tokenizer.encode("shrug").tokens
    assert spelt == ["[CLS]", "s", "##h", "##r", "##u", "##g", "[SEP]"]


@pytest.mark.parametrize("vocabulary", [0, 10_000])
def test_letters_are_pieces_however_small_the_vocabulary(vocabulary):
    pieces = train_tokenizer(TEXTS, vocabulary).get_vocab()
    assert "z" in pieces
    assert "##9" in pieces
    assert ("nods" in pieces) is (vocabulary > 0)


def test_the_network_has_the_recipe_s_sizes():
    bert = build_bert(Bert(dim=16, feedforward=32, layers=2, length=24), 100).eval()
    found = bert(torch.zeros(1, 24, dtype=torch.int64)).last_hidden_state
    assert found.shape == (1, 24, 16)
    assert len(bert.encoder.layer) == 2
