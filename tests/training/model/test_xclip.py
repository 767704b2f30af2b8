import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import BertConfig, XCLIPConfig, XCLIPModel

from stream.errors import ModelError, UsageError
from training.config import Video
from training.extraction.frames import pick_frames
from training.model.xclip import MEAN, STD, XClip, build_xclip

FRAMES, SIZE = 4, 32
LAYER = {"num_hidden_layers": 1, "num_attention_heads": 2, "hidden_size": 16, "intermediate_size": 32}


def tiny():
    vision = LAYER | {"mit_hidden_size": 8, "mit_intermediate_size": 16, "mit_num_attention_heads": 2}
    vision |= {"num_frames": FRAMES, "image_size": SIZE, "patch_size": 16}
    torch.manual_seed(0)
    return XCLIPModel(
        XCLIPConfig(
            text_config=LAYER | {"vocab_size": 4},
            vision_config=vision,
            projection_dim=8,
            prompt_num_attention_heads=2,
        )
    ).eval()


def frames(batch=2, seed=0):
    return torch.from_numpy(
        np.random.default_rng(seed).integers(0, 256, (batch, FRAMES, 3, SIZE, SIZE), dtype=np.uint8)
    )


@pytest.fixture
def saved(tmp_path):
    whole = tiny()
    whole.save_pretrained(tmp_path / "weights")
    return whole, tmp_path / "weights"


def test_true_size_from_frames_to_a_logit():
    torch.manual_seed(0)
    model = build_xclip(Video()).eval()
    sizes = model.vision_model.config
    assert (sizes.hidden_size, sizes.num_hidden_layers, sizes.patch_size) == (768, 12, 32)
    assert 120e6 < sum(p.numel() for p in model.parameters()) < 130e6
    with torch.no_grad():
        vector = model(torch.randint(0, 256, (1, 16, 3, 224, 224), dtype=torch.uint8))
    assert vector.shape == (1, 256)
    assert torch.isfinite(vector).all()


def test_the_vector_is_the_library_s_video_feature_projected():
    whole = tiny()
    model, video = XClip(whole, 6).eval(), frames()
    pixels = (video / 255 - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]
    with torch.no_grad():
        expected = whole.get_video_features(pixel_values=pixels).pooler_output
        torch.testing.assert_close(model(video), model.project(expected))
        torch.testing.assert_close(model(video), model(video / 255))
        torch.testing.assert_close(model.alone(video), model.head(model(video))[:, 0])
        assert not torch.allclose(model(video), model(video.flip(1)))  # the order of frames counts


def test_the_gradient_reaches_every_part():
    model = XClip(tiny(), 6).train()
    model.alone(frames()).square().sum().backward()
    unused = {name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0}
    # A shift of all keys moves no softmax: these biases have no gradient but rounding.
    assert {name for name in unused if "k_proj.bias" not in name} == set()


def test_a_saved_network_comes_back(saved):
    whole, folder = saved
    model = build_xclip(Video(source=str(folder), frames=FRAMES, out=6)).eval()
    with torch.no_grad():
        expected = XClip(whole, 6).eval()
        expected.project, expected.head = model.project, model.head
        torch.testing.assert_close(model(frames()), expected(frames()))
    for name in ("vision_model", "visual_projection", "mit"):
        for key, value in getattr(whole, name).state_dict().items():
            assert torch.equal(getattr(model, name).state_dict()[key], value)


def one_sentence(error):
    text = str(error.value)
    assert "\n" not in text
    assert text.count(". ") == 0
    assert text.endswith(".")


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(ModelError, match=r"expected a folder or hub name of X-CLIP weights") as error:
        build_xclip(Video(source=str(tmp_path / "none")))
    one_sentence(error)


def test_a_hub_name_without_a_network(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match=r"nobody/nothing: .* download them first") as error:
        build_xclip(Video(source="nobody/nothing"))
    one_sentence(error)


def test_a_folder_of_another_network(tmp_path):
    BertConfig(num_hidden_layers=1).save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="of type bert") as error:
        build_xclip(Video(source=str(tmp_path)))
    one_sentence(error)


@pytest.mark.parametrize("damage", ["truncated", "gone", "wider"])
def test_damaged_weights(saved, damage):
    folder = saved[1]
    weights = folder / "model.safetensors"
    if damage == "truncated":
        weights.write_bytes(weights.read_bytes()[:1000])
    elif damage == "gone":
        weights.unlink()
    else:
        about = json.loads((folder / "config.json").read_text())
        about["vision_config"]["intermediate_size"] = 64
        (folder / "config.json").write_text(json.dumps(about))
    with pytest.raises(ModelError, match=r"none that reads \(") as error:
        build_xclip(Video(source=str(folder), frames=FRAMES))
    one_sentence(error)


def test_weights_of_another_number_of_frames(saved):
    with pytest.raises(ModelError, match="weights for 16 frames, found 4") as error:
        build_xclip(Video(source=str(saved[1])))
    one_sentence(error)


@pytest.mark.parametrize("shape", [(1, 3, 3, SIZE, SIZE), (1, FRAMES, 3, SIZE, 16), (FRAMES, 3, SIZE, SIZE)])
def test_frames_of_another_shape(shape):
    with pytest.raises(ModelError, match=r"expected frames \[B, 4, 3, 32, 32\], found"):
        XClip(tiny(), 6)(torch.zeros(shape, dtype=torch.uint8))


@given(ticks=st.integers(1, 10_000), count=st.integers(1, 64))
def test_frames_are_picked_evenly(ticks, count):
    picked = pick_frames(ticks, count)
    assert picked.shape == (count,)
    assert picked.min() >= 0
    assert picked.max() < ticks
    exact = [(i + 0.5) * ticks / count for i in range(count)]
    assert np.abs(picked + 0.5 - exact).max() <= 0.5 + 1e-9
    if count > 1:
        assert np.ptp(np.diff(picked)) <= 1


def test_as_many_frames_as_there_are_gives_each_once():
    assert pick_frames(16, 16).tolist() == list(range(16))


@pytest.mark.parametrize(("ticks", "count"), [(0, 16), (100, 0)])
def test_nothing_to_pick_from(ticks, count):
    with pytest.raises(UsageError, match="expected at least one frame"):
        pick_frames(ticks, count)
