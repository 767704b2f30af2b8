"""Texts are cut where the live side cuts them."""

import pytest
from tokenizers import Tokenizer

from training.data.prepared import encode
from training.model.text import train_tokenizer

SAID = "a nod, a frown, the lips are pressed together twice"


@pytest.mark.parametrize("length", [4, 8, 12, 40])
def test_word_pieces_are_the_live_sides(length):
    tokenizer = train_tokenizer([SAID], 100)
    live = Tokenizer.from_str(tokenizer.to_str())
    live.enable_truncation(length)
    expected = live.encode(SAID).ids
    ids, mask = encode(tokenizer, SAID, length)
    assert ids[mask].tolist() == expected
    assert len(ids) == length
    assert not ids[~mask].any()
    assert expected[-1] == tokenizer.token_to_id("[SEP]")


@pytest.mark.parametrize("text", [None, ""])
def test_no_text_is_no_piece(text):
    assert not encode(train_tokenizer([SAID], 100), text, 8)[1].any()
