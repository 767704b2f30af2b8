"""A BERT that is brought along: made here, with random weights, as the library itself saves one."""

import json
import pickle

import numpy as np
import pytest
import torch
from msgspec import structs
from tokenizers import Tokenizer
from transformers import BertConfig, BertForPreTraining, BertModel, DistilBertConfig

from stream.errors import ModelError
from training.config import Bert
from training.data.materials import from_corpus, from_simulator
from training.data.simulated import described
from training.learning import runs
from training.learning.checkpoint import build
from training.learning.log import read
from training.learning.progress import fingerprint
from training.model.pretrained import CONFIG, TOKENIZER, WEIGHTS, open_bert
from training.model.text import build_bert, train_tokenizer

LENGTH, POSITIONS, EXTRA = 24, 40, 7  # the weights know more positions and pieces than are read
SIZES = {"num_hidden_layers": 1, "num_attention_heads": 2, "hidden_size": 16, "intermediate_size": 24}
DATA = {"profile": "demo", "seconds": 6.0, "texts": 8}


@pytest.fixture(scope="module")
def tokenizer(tiny_recipe):
    return train_tokenizer([r.text for r in described(tiny_recipe.data, "demo", 0)], 200)


def config(tokenizer, **changed):
    sizes = SIZES | {"vocab_size": tokenizer.get_vocab_size() + EXTRA, "max_position_embeddings": POSITIONS}
    return BertConfig(**(sizes | changed))


def saved(folder, tokenizer, network=BertModel, **changed):
    torch.manual_seed(3)
    whole = network(config(tokenizer, **changed)).eval()
    whole.save_pretrained(folder)
    padded = Tokenizer.from_str(tokenizer.to_str())
    padded.enable_padding(length=64)  # as published ones sometimes are
    padded.enable_truncation(8)
    padded.save(str(folder / TOKENIZER))
    return whole


@pytest.fixture
def folder(tmp_path, tokenizer):
    saved(tmp_path / "bert", tokenizer)
    return tmp_path / "bert"


def text(folder, **changed):
    return Bert(source=str(folder), length=LENGTH, dropout=0.0, **changed)


@torch.no_grad()
@pytest.mark.parametrize("network", [BertModel, BertForPreTraining])
def test_it_says_what_the_library_s_own_says(tmp_path, tokenizer, network):
    whole = saved(tmp_path, tokenizer, network)
    found = open_bert(text(tmp_path))
    assert structs.replace(found.text, sha256="") == Bert(
        source=str(tmp_path), dim=16, layers=1, heads=2, feedforward=24, length=LENGTH, dropout=0.0,
        vocabulary=tokenizer.get_vocab_size(),
    )  # fmt: skip
    bert = build_bert(found.text, found.tokenizer.get_vocab_size()).eval()
    found.fill(bert)
    pieces = found.tokenizer.encode("a fleeting smile, twice; the lips tighten; a small nod")
    assert len(pieces.ids) > 8  # neither padded nor cut
    assert pieces.tokens == tokenizer.encode("a fleeting smile, twice; the lips tighten; a small nod").tokens
    ids = torch.tensor([pieces.ids])
    own = whole.bert if network is BertForPreTraining else whole
    torch.testing.assert_close(bert(ids).last_hidden_state, own(ids).last_hidden_state)


def test_a_run_begins_with_its_weights_and_needs_it_no_more(folder, tiny_recipe, tmp_path):
    """Stage 1 tunes what was brought along; what it leaves is whole without the folder."""
    stage = structs.replace(tiny_recipe.describe, steps=2, rate=1e-5, average=0.0)
    recipe = structs.replace(
        tiny_recipe,
        model=structs.replace(tiny_recipe.model, text=text(folder)),
        data=structs.replace(tiny_recipe.data, branches=("text",)),
        describe=stage,
        finetune=stage,
    )
    materials = from_simulator(recipe)
    checkpoint = runs.run(recipe, tmp_path / "run", materials)
    source = BertModel.from_pretrained(folder).state_dict()
    gaps = []
    for name, tuned in checkpoint.model.text.bert.state_dict().items():
        gaps.append(float((tuned - source[name][: len(tuned)]).abs().max()))
    assert max(gaps) < 1e-3
    assert np.mean([gap > 0 for gap in gaps]) > 0.8
    log = read(tmp_path / "run" / runs.LOG)[0]
    assert log["bert"] == {"source": str(folder), "sha256": materials.bert.text.sha256}
    assert log["texts"].startswith("12 of 12 texts are cut, ")
    (folder / WEIGHTS).unlink()
    (folder / CONFIG).unlink()
    again = runs.resume(tmp_path / "run")
    assert again.recipe.model.text == materials.bert.text
    assert again.tokenizer.to_str() == materials.tokenizer.to_str()
    for name, value in checkpoint.model.state_dict().items():
        assert torch.equal(again.model.state_dict()[name], value)


def test_what_the_source_says_is_no_part_of_the_recipe_s_fingerprint(folder, tiny_recipe):
    """A killed run goes on, and a finished cell is known again, under the recipe as it was written."""
    recipe = structs.replace(tiny_recipe, model=structs.replace(tiny_recipe.model, text=text(folder)))
    sized = open_bert(text(folder)).sized(recipe)
    assert sized.model.text.dim == 16 != recipe.model.text.dim
    assert fingerprint(sized) == fingerprint(recipe) != fingerprint(tiny_recipe)


def test_a_corpus_without_texts_asks_for_no_weights(store, quick_recipe):
    absent = Bert(source="nobody/nothing", dim=16, feedforward=32, layers=1, length=24)
    recipe = structs.replace(quick_recipe, model=structs.replace(quick_recipe.model, text=absent))
    found = from_corpus(recipe, store)  # keypoints alone
    assert found.bert is None
    assert build(recipe, found.tokenizer).text.bert.config.hidden_size == 16


def one_sentence(error):
    said = str(error.value)
    assert "\n" not in said
    assert said.count(". ") == 0
    assert said.endswith(".")


def test_a_name_at_the_hub_without_a_network(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match=r"^nobody/nothing: .* set model\.text\.source") as error:
        open_bert(Bert(source="nobody/nothing"))
    one_sentence(error)


@pytest.mark.parametrize("name", [CONFIG, WEIGHTS, TOKENIZER])
def test_a_folder_without_one_of_the_three(folder, name):
    (folder / name).unlink()
    with pytest.raises(ModelError, match=rf"expected BERT weights, .* \(.*{name}") as error:
        open_bert(text(folder))
    one_sentence(error)


def test_a_pickle_is_never_opened(folder):
    class Opened:
        def __reduce__(self):
            return pytest.fail, ("unpickled",)

    (folder / WEIGHTS).unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Opened()))
    with pytest.raises(ModelError, match=WEIGHTS):
        open_bert(text(folder))


def test_another_network(folder):
    DistilBertConfig().save_pretrained(folder)
    with pytest.raises(ModelError, match=r"found none that reads \(it is of type distilbert\)") as error:
        open_bert(text(folder))
    one_sentence(error)


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [("hidden_act", "relu", r"\(its hidden_act is relu\)"), ("vocab_size", 9, r"beyond its 9 embeddings\)")],
)
def test_a_bert_of_another_form(folder, key, value, sentence):
    about = json.loads((folder / CONFIG).read_text())
    (folder / CONFIG).write_text(json.dumps(about | {key: value}))
    with pytest.raises(ModelError, match=sentence) as error:
        open_bert(text(folder))
    one_sentence(error)


def test_more_positions_than_it_has(folder):
    with pytest.raises(ModelError, match=r"of at most its 40 positions, found 41; lower it\.$") as error:
        open_bert(Bert(source=str(folder), length=POSITIONS + 1))
    one_sentence(error)


def test_other_weights_than_were_asked_for(folder):
    asked = open_bert(text(folder)).text.sha256
    assert open_bert(text(folder, sha256=asked)).text.sha256 == asked
    whole = bytearray((folder / WEIGHTS).read_bytes())
    whole[-1] ^= 1
    (folder / WEIGHTS).write_bytes(whole)
    with pytest.raises(ModelError, match=rf"expected weights of SHA-256 {asked}, found ") as error:
        open_bert(text(folder, sha256=asked))
    one_sentence(error)


def opened_and_filled(folder):
    found = open_bert(text(folder))
    found.fill(build_bert(found.text, found.tokenizer.get_vocab_size()))


@pytest.mark.parametrize("damage", ["truncated", "wider", "tokenizer"])
def test_damaged_files(folder, tokenizer, damage):
    if damage == "truncated":
        (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:1000])
    elif damage == "wider":
        config(tokenizer, intermediate_size=32).save_pretrained(folder)
    else:
        (folder / TOKENIZER).write_text("{")
    with pytest.raises(ModelError, match=r"none that reads \(") as error:
        opened_and_filled(folder)
    one_sentence(error)
