"""BERT with its tokenizer: the encoder alone, as the text branch runs it, and what is none."""

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models
from transformers import BertConfig, BertModel

from export.frontends.text import export_text
from export.frontends.write_model import difference
from export.lowering.module_parity import session
from stream.bundle.model_card import card_of
from stream.errors import UsageError

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *(f"word{i}" for i in range(60))]


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bert") / "bert-tiny"
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48}
    model = BertModel(BertConfig(vocab_size=len(WORDS), max_position_embeddings=40, **sizes)).eval()
    model.save_pretrained(folder)
    vocabulary = {word: i for i, word in enumerate(WORDS)}
    Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]")).save(str(folder / "tokenizer.json"))
    return folder, model


@pytest.mark.parametrize("token", ["mean", "cls"])
def test_a_text_s_vector_is_the_library_s_own(published, tmp_path, token):
    folder, model = published
    card = export_text(str(folder), tmp_path, length=24, token=token)
    assert card_of(tmp_path / card.file, "text") == card
    assert (tmp_path / card.tokenizer).read_bytes() == (folder / "tokenizer.json").read_bytes()
    rng = np.random.default_rng(5)
    ids = rng.integers(0, len(WORDS), (1, 24))
    mask = np.arange(24)[None] < 15
    with torch.inference_mode():
        integers = torch.from_numpy(mask).long()
        rows = model(input_ids=torch.from_numpy(ids), attention_mask=integers).last_hidden_state
        expected = (rows[:, :15].mean(1) if token == "mean" else rows[:, 0]).numpy()
    run = session(tmp_path / card.file)
    (found,) = run.run(None, {"ids": ids, "ids_mask": mask})
    assert difference(expected, found)[0] <= 1e-4
    other = ids.copy()
    other[:, 15:] = 7
    (same,) = run.run(None, {"ids": other, "ids_mask": mask})
    np.testing.assert_array_equal(found, same, "pieces beyond the mask do not count")


def test_what_is_no_bert(published, tmp_path, one_sentence):
    folder, _ = published
    one_sentence(
        lambda: export_text(str(folder), tmp_path, length=41), "expected 1 to 40 word pieces", UsageError
    )
    one_sentence(lambda: export_text(str(tmp_path / "none"), tmp_path), "expected BERT weights")
    bare = tmp_path / "bare"
    bare.mkdir()
    for name in ("config.json", "model.safetensors"):
        (bare / name).write_bytes((folder / name).read_bytes())
    one_sentence(lambda: export_text(str(bare), tmp_path, length=8), "tokenizer.json")
    (bare / "config.json").write_text('{"model_type": "dinov2"}')
    one_sentence(lambda: export_text(str(bare), tmp_path, length=8), "of type dinov2")
