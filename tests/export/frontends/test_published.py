"""Published weights: what is read, what a card says of them, and one sentence for everything else."""

import hashlib
import json

import pytest
import torch
from transformers import BertConfig, BertModel

from export.frontends import published
from export.frontends.published import bert, bert_config, dinov2, file_of, load_weights, origin_of, reason
from stream.errors import ModelError

SMALL = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "image_size": 28}


@pytest.fixture(scope="module")
def image_folder(tmp_path_factory):
    from transformers import Dinov2Config, Dinov2Model

    folder = tmp_path_factory.mktemp("published") / "dinov2-tiny"
    torch.manual_seed(0)
    Dinov2Model(Dinov2Config(**SMALL)).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def text_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("published") / "bert-tiny"
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    BertModel(BertConfig(vocab_size=20, max_position_embeddings=8, **sizes)).save_pretrained(folder)
    (folder / "tokenizer.json").write_text("{}")
    return folder


def test_a_dinov2_is_read_for_use_and_in_float32(image_folder):
    model, weights = dinov2(str(image_folder))
    assert weights == image_folder / "model.safetensors"
    assert not model.training
    assert {p.dtype for p in model.parameters()} == {torch.float32}


def test_a_bert_is_read_without_its_pooler_and_with_its_tokenizer(text_folder):
    model, weights, tokenizer = bert(str(text_folder))
    assert model.pooler is None
    assert (weights.name, tokenizer.name) == ("model.safetensors", "tokenizer.json")
    assert bert_config(str(text_folder)).max_position_embeddings == 8


@pytest.mark.parametrize(
    ("read", "kind", "words"), [(dinov2, "DINOv2", "of type bert"), (bert, "BERT", "of type dinov2")]
)
def test_another_network_is_named(read, kind, words, image_folder, text_folder, one_sentence):
    source = str(text_folder if read is dinov2 else image_folder)
    one_sentence(lambda: load_weights(read, source, kind), f"expected {kind} weights, .*{words}")


def test_weights_that_are_not_all_there(image_folder, tmp_path, one_sentence):
    from safetensors.torch import load_file, save_file

    kept = load_file(image_folder / "model.safetensors")
    kept.pop(sorted(kept)[0])
    save_file(kept, tmp_path / "model.safetensors", metadata={"format": "pt"})
    (tmp_path / "config.json").write_bytes((image_folder / "config.json").read_bytes())
    one_sentence(lambda: load_weights(dinov2, str(tmp_path), "DINOv2"), "1 weights are missing")


@pytest.mark.parametrize("harm", ["config.json", "model.safetensors"])
@pytest.mark.parametrize("content", [None, b"", b"{}", b"\x00" * 64])
def test_a_folder_that_does_not_read_is_one_sentence(image_folder, tmp_path, harm, content, one_sentence):
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_bytes((image_folder / name).read_bytes())
    (tmp_path / harm).unlink()
    if content is not None:
        (tmp_path / harm).write_bytes(content)
    one_sentence(
        lambda: load_weights(dinov2, str(tmp_path), "DINOv2"), "expected DINOv2 weights, .*found none"
    )


def test_a_file_that_is_not_there(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({}))
    assert file_of(str(tmp_path), "config.json") == tmp_path / "config.json"
    with pytest.raises(OSError, match=r"model\.safetensors"):
        file_of(str(tmp_path), "model.safetensors")


@pytest.mark.parametrize(
    ("source", "said", "licence"),
    [
        ("facebook/dinov2-base", "facebook/dinov2-base", "Apache-2.0"),
        ("bert-base-uncased", "bert-base-uncased", "Apache-2.0"),
        ("somebody/dinov2-base", "somebody/dinov2-base", "not known here"),
    ],
)
def test_a_card_names_the_source_and_the_licence_only_as_far_as_it_is_known(tmp_path, source, said, licence):
    (tmp_path / "weights").write_bytes(b"abc")
    found = origin_of(source, tmp_path / "weights")
    assert found["source"] == said
    assert found["licence"].startswith(licence)
    assert found["extractor"].sha256 == hashlib.sha256(b"abc").hexdigest()


def test_a_card_tells_no_folder_of_this_machine(image_folder):
    found = origin_of(str(image_folder), image_folder / "model.safetensors")
    assert found["source"] == found["extractor"].name == "dinov2-tiny"


@pytest.mark.parametrize(
    ("said", "short"),
    [
        ("No such file. Did you mean another?", "No such file"),
        ("It is broken:\nline two", "It is broken"),
        ("  odd  ", "odd"),
    ],
)
def test_of_a_library_s_story_one_sentence_is_kept(said, short):
    assert reason(ValueError(said)) == short


def test_errors_that_nobody_expected_are_not_hidden():
    def broken(source):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        load_weights(broken, "x", "BERT")
    assert issubclass(ModelError, Exception)
    assert ZeroDivisionError not in published.LOAD_ERRORS
