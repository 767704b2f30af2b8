"""Portrait encoders: our own and published DINOv2 weights give the CLS token; anything else, one sentence."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from transformers import BertConfig, BertModel, Dinov2Config, Dinov2Model

from stream.branches.image import normalised
from stream.bundle.manifest import Graph, ImageInput, Tensor
from stream.errors import ModelError
from stream.files import sha256_of
from training.model import image_encoder, portrait_encoder


def small() -> Dinov2Model:
    torch.manual_seed(0)
    config = Dinov2Config(
        image_size=56, patch_size=14, hidden_size=16, num_hidden_layers=1, num_attention_heads=2
    )
    return Dinov2Model(config).eval()


@pytest.fixture
def published(tmp_path):
    small().save_pretrained(tmp_path / "dinov2-small")
    return tmp_path / "dinov2-small"


def test_published_weights_give_the_cls_token(published):
    encoder = portrait_encoder.load(published)
    assert (encoder.size, encoder.name) == (56, "dinov2-small")
    assert encoder.extractor.sha256 == sha256_of(published / "model.safetensors")
    images = np.random.default_rng(0).integers(0, 255, (19, 56, 56, 3), np.uint8)
    found = encoder(images)
    assert found.shape == (19, 16)
    portrait = Tensor(name="portrait", shape=(1, 3, 56, 56), dtype="float32")
    graph = Graph(file="encoder.onnx", inputs=(portrait,), outputs=())
    spec = ImageInput(encoder=graph, size=56, mean=encoder.mean, std=encoder.std, dim=16)
    with torch.inference_mode():
        served = [small()(torch.from_numpy(normalised(i, spec))).last_hidden_state[0, 0] for i in images]
    np.testing.assert_allclose(found, torch.stack(served).numpy(), atol=1e-5)


def test_our_own_is_known_by_its_note(tmp_path):
    torch.manual_seed(0)
    model = Dinov2Model(image_encoder.config())
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    (tmp_path / "encoder.json").write_text("{}")
    encoder = portrait_encoder.load(tmp_path)
    assert encoder.size == image_encoder.SIZE
    assert "warped portraits" in encoder.name
    assert encoder(np.zeros((0, 126, 126, 3), np.uint8)).shape == (0, image_encoder.DIM)


def test_anything_else_is_one_sentence(tmp_path, published):
    BertModel(BertConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8,
                         vocab_size=9)).save_pretrained(tmp_path / "bert")  # fmt: skip
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / "encoder.json").write_text("{}")
    weights = published / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    for folder, why in (("bert", "of type bert"), ("ours", "No such file"), (published.name, ""), ("no", "")):
        with pytest.raises(ModelError, match=rf"{folder}: expected a portrait encoder.*{why}") as caught:
            portrait_encoder.load(tmp_path / folder)
        assert "\n" not in str(caught.value)
