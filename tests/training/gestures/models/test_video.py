"""Picture branches: their published sizes, small forms, weights from files."""

import pytest
import torch
from safetensors.torch import save_file

from stream.errors import ModelError
from stream.files import sha256_of
from training.gestures.models import video
from training.gestures.models.head import Branch, LogitsOnly, parameters_of


@pytest.mark.parametrize(
    ("network", "millions"), [("swin3d_s", 49.5), ("swin3d_t", 27.9), ("r2plus1d_18", 31.3)]
)
def test_the_size_of_the_picture_branches(network, millions):
    net = video.Pictures(network)
    assert (parameters_of(net) + net.width * 32 + 32) / 1e6 == pytest.approx(millions, abs=0.1)


@pytest.mark.parametrize("network", ["swin3d_small", "r2plus1d_small"])
def test_small_networks_read_bytes(network):
    branch = Branch(video.Pictures(network), video.Pictures(network).width).eval()
    pictures = torch.randint(0, 255, (2, 3, 8, 32, 32), dtype=torch.uint8)
    said = branch(pictures)
    assert said.logits.shape == (2, 32)
    assert said.embedding.detach().norm(dim=1).tolist() == pytest.approx([1, 1], abs=1e-5)
    with torch.no_grad():
        assert torch.allclose(LogitsOnly(branch)(pictures), said.logits)


def test_weights_come_from_a_file(tmp_path):
    source, path = video.Pictures("r2plus1d_small"), tmp_path / "weights.safetensors"
    save_file(source.body.state_dict(), path)
    net = video.Pictures("r2plus1d_small")
    assert video.load_weights(net, path, sha256_of(path)) == []
    for a, b in zip(net.parameters(), source.parameters(), strict=True):
        assert torch.equal(a, b)
    torch.save(source.body.state_dict(), tmp_path / "weights.pth")
    assert video.load_weights(net, tmp_path / "weights.pth") == []
    with pytest.raises(ModelError, match="expected sha256 000"):
        video.load_weights(net, path, "0" * 64)
    with pytest.raises(ModelError, match=r"expected weights of swin3d_small, found others \(0 of"):
        video.load_weights(video.Pictures("swin3d_small"), path)
    with pytest.raises(ModelError, match="found no file"):
        video.load_weights(net, tmp_path / "none.pth")
    (tmp_path / "bad.safetensors").write_bytes(b"nothing")
    with pytest.raises(ModelError, match="expected weights of"):
        video.load_weights(net, tmp_path / "bad.safetensors")
