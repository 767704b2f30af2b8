"""The demo's image encoder: architecture, preprocessing as served, training and storage."""

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the training extra is not installed")

from stream.branches.image import normalised as served  # noqa: E402
from stream.bundle.manifest import Graph, ImageInput, Tensor  # noqa: E402
from stream.errors import UsageError  # noqa: E402
from training.model import image_encoder as encoder  # noqa: E402
from training.simulator.crops import SIZE, TARGETS, Crops, crops_of  # noqa: E402
from training.simulator.warp import Performer  # noqa: E402

pytestmark = [pytest.mark.slow, pytest.mark.training]


@pytest.fixture(scope="module")
def crops() -> Crops:
    return crops_of(Performer(), 24, np.random.default_rng(0))


def test_pictures_are_prepared_as_served(crops):
    ours = encoder.normalised(crops.images[:2]).numpy()
    portrait = Tensor(name="portrait", shape=(1, 3, SIZE, SIZE), dtype="float32")
    graph = Graph(file="x", inputs=(portrait,), outputs=())
    spec = ImageInput(encoder=graph, size=SIZE, mean=encoder.MEAN, std=encoder.STD, dim=encoder.DIM)
    np.testing.assert_allclose(ours[1], served(crops.images[1], spec)[0], atol=1e-5)


def test_training_saves_what_load_reads(tmp_path, crops):
    report = encoder.train(tmp_path, encoder.TrainingOptions(64, 1, 64, 8, threads=1, check=4))
    assert set(report) == {"portrait", "unseen variations"}
    assert set(report["portrait"]) == set(TARGETS)
    model = encoder.load(tmp_path)
    vectors = encoder.encode(model, crops.images)
    assert vectors.shape == (24, encoder.DIM)
    assert vectors.dtype == np.float32
    assert np.array_equal(vectors, encoder.encode(encoder.load(tmp_path), crops.images, batch=24))
    assert np.abs(vectors.mean(1)).max() < 0.5  # it has passed the final LayerNorm
    assert (tmp_path / "model.safetensors").stat().st_size < 3e6
    note = json.loads((tmp_path / "encoder.json").read_text())
    assert "no real-world meaning" in note["notice"]
    assert encoder.encode(model, crops.images[:0]).shape == (0, encoder.DIM)


def test_whitened_tokens_show_deviations_from_the_mean_portrait(crops):
    model = encoder.Dinov2Model(encoder.config())
    encoder.whiten(model, crops.images)
    with torch.inference_mode():
        embeddings = model.embeddings
        tokens = embeddings.patch_embeddings(encoder.normalised(crops.images))
        tokens = tokens + embeddings.position_embeddings[:, 1:]
    assert tokens.mean(0).std() == pytest.approx(0.7, rel=0.1)  # the position alone
    assert tokens.std(0).mean() > 0.2


def test_too_few_portraits_are_one_sentence(tmp_path):
    with pytest.raises(UsageError, match=r"expected at least 4096 portraits to learn from, found 64"):
        encoder.train(tmp_path, encoder.TrainingOptions(samples=64))
    assert not list(tmp_path.iterdir())
