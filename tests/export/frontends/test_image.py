"""DINOv2: Base at 518×518 with random weights, other sizes and tokens on a small one, and what is none."""

import json

import numpy as np
import onnx
import pytest
import torch
from transformers import Dinov2Model

from export.frontends.image import export_image
from export.frontends.write_model import difference
from export.lowering.float16 import to_float16
from export.lowering.module_parity import session
from stream.bundle.model_card import card_of
from stream.errors import UsageError
from stream.files import sha256_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),  # Base at 518 is half a minute of work; a busy machine is no failure
]
SMALL = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "mlp_ratio": 2}


def portraits(seed, size, count=2):
    rng = np.random.default_rng(seed)
    return [rng.normal(0, 1, (1, 3, size, size)).astype(np.float32) for _ in range(count)]


@pytest.fixture(scope="module")
def base(dinov2_base):
    """The exported file, unseen portraits and what torch says of them."""
    path, source = dinov2_base
    model = Dinov2Model.from_pretrained(source).eval()
    unseen = portraits(99, 518)
    with torch.inference_mode():
        expected = [model(torch.from_numpy(x)).last_hidden_state[:, 0].numpy() for x in unseen]
    assert sum(p.numel() for p in model.parameters()) > 86e6, "not the true size"
    return path, unseen, expected


def test_base_at_518_equals_torch_on_unseen_portraits(base):
    path, unseen, expected = base
    card = card_of(path, "image")
    assert card.graph.outputs[0].shape == (1, 768)
    assert (card.token, card.preprocessing.width, card.preprocessing.height) == ("cls", 518, 518)
    assert card.extractor.name == "dinov2-base"
    run = session(path, threads=2)
    found = [run.run(None, {"portrait": x})[0] for x in unseen]
    for a, b in zip(expected, found, strict=True):
        assert difference(a, b)[0] <= 1e-4
    assert difference(found[0], found[1])[0] > 1e-2, "these weights must tell portraits apart"


def test_base_at_518_in_float16(base, tmp_path):
    """Well formed and rounded: the CPU provider computes float16 sums in float32."""
    path, unseen, expected = base
    half = to_float16(onnx.load(path))
    onnx.save(half, tmp_path / "half.onnx")
    assert (tmp_path / "half.onnx").stat().st_size < 0.52 * path.stat().st_size
    assert {v.type.tensor_type.elem_type for v in (*half.graph.input, *half.graph.output)} == {1}
    made = {name: node for node in half.graph.node for name in node.output}
    softmaxes = [node for node in half.graph.node if node.op_type == "Softmax"]
    assert len(softmaxes) == 12
    for node in softmaxes:
        assert made[node.input[0]].op_type != "Cast", "scores stay float32 from their product on"
    (found,) = session(tmp_path / "half.onnx", threads=2).run(None, {"portrait": unseen[0]})
    assert difference(expected[0], found)[1] >= 0.9999


def test_positions_are_worked_out_for_another_size(tmp_path, dinov2):
    """Trained at 518, exported at 224: as the library itself does on the way."""
    model = dinov2(tmp_path / "small", image_size=518, **SMALL)
    card = export_image(str(tmp_path / "small"), tmp_path, size=224)
    (x,) = portraits(5, 224, 1)
    with torch.inference_mode():
        expected = model(torch.from_numpy(x)).last_hidden_state[:, 0].numpy()
    (found,) = session(tmp_path / card.file).run(None, {"portrait": x})
    assert difference(expected, found)[0] <= 1e-4
    assert "Resize" not in {node.op_type for node in onnx.load(tmp_path / card.file).graph.node}


def test_the_mean_of_the_patches(tmp_path, dinov2):
    model = dinov2(tmp_path / "small", image_size=56, **SMALL)
    card = export_image(str(tmp_path / "small"), tmp_path, size=56, token="mean", precision="fp16")
    assert card.file == "small-56-mean-fp16.onnx"
    assert (card.token, card.precision) == ("mean", "fp16")
    (x,) = portraits(5, 56, 1)
    with torch.inference_mode():
        expected = model(torch.from_numpy(x)).last_hidden_state[:, 1:].mean(1).numpy()
    (found,) = session(tmp_path / card.file).run(None, {"portrait": x})
    assert difference(expected, found)[1] >= 0.9999


def test_the_extractor_is_the_one_that_training_names(tmp_path, dinov2):
    from training.model.portrait_encoder import load

    dinov2(tmp_path / "small", image_size=56, **SMALL)
    card = export_image(str(tmp_path / "small"), tmp_path, size=56)
    assert card.extractor == load(tmp_path / "small").extractor
    assert card.extractor.sha256 == sha256_of(tmp_path / "small" / "model.safetensors")


def test_what_is_no_dinov2(tmp_path, dinov2, one_sentence):
    def attempt(source):
        return lambda: export_image(str(source), tmp_path / "out")

    one_sentence(attempt(tmp_path / "none"), "expected DINOv2 weights")
    folder = tmp_path / "small"
    dinov2(folder, image_size=56, **SMALL)
    one_sentence(
        lambda: export_image(str(folder), tmp_path, size=100), "multiple of the patches' 14", UsageError
    )
    weights = folder / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    one_sentence(attempt(folder), "expected DINOv2 weights")
    weights.unlink()
    (folder / "pytorch_model.bin").write_bytes(whole)
    one_sentence(attempt(folder), "expected DINOv2 weights")
    (folder / "config.json").write_text(json.dumps({"model_type": "bert"}))
    one_sentence(attempt(folder), "of type bert")
    assert not list((tmp_path / "out").glob("*")), "nothing half-written"


def test_no_network(tmp_path, monkeypatch, one_sentence):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    one_sentence(lambda: export_image("facebook/dinov2-giant-none", tmp_path), "expected DINOv2 weights")
