"""TensorRT's parser takes every operator of the exported front ends; float16 has all of float32's."""

import pytest
import torch
from transformers import BertConfig, BertModel, Dinov2Config, Dinov2Model

from export.bundles.untrained import _tokenizer
from export.frontends.detector import export_detector
from export.frontends.image import export_image
from export.frontends.text import export_text
from export.lowering.operators import unsupported

pytestmark = pytest.mark.slow


@pytest.mark.usefixtures("ultralytics")
def test_detector(tmp_path):
    card = export_detector("yolo11n.yaml", tmp_path, size=(96, 64), precision="fp16")
    assert unsupported(tmp_path / card.file) == []


@pytest.mark.parametrize(("precision", "token"), [("fp32", "mean"), ("fp16", "cls")])
def test_image_encoder(tmp_path, precision, token):
    torch.manual_seed(0)
    config = Dinov2Config(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, mlp_ratio=2, image_size=42, patch_size=14
    )
    Dinov2Model(config).save_pretrained(tmp_path / "dinov2")
    card = export_image(str(tmp_path / "dinov2"), tmp_path / "out", size=42, token=token, precision=precision)
    assert unsupported(tmp_path / "out" / card.file) == []


def test_text_encoder(tmp_path):
    torch.manual_seed(0)
    tokenizer = _tokenizer()
    config = BertConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=32,
    )
    BertModel(config).save_pretrained(tmp_path / "bert")
    tokenizer.save(str(tmp_path / "bert" / "tokenizer.json"))
    card = export_text(str(tmp_path / "bert"), tmp_path / "out", length=16, precision="fp16")
    assert unsupported(tmp_path / "out" / card.file) == []
