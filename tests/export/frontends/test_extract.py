"""A corpus through exported front ends: the extractors that it names are theirs, and so are its numbers."""

from itertools import islice

import numpy as np
import pytest

from export.frontends.image import export_image
from export.frontends.wholebody import export_wholebody
from stream.bundle.model_card import card_of
from stream.errors import ModelError, UsageError
from stream.files import sha256_of
from stream.frontend.mediapipe.embedded import EXTRACTOR
from stream.runtime.front_end_choice import Choice
from training.extraction import extracting
from training.extraction.extracting import Options
from training.simulator.rendering import ASSETS, read_video, write_video

pytestmark = pytest.mark.slow

SMALL = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}


@pytest.fixture(scope="module")
def clips(tmp_path_factory, holistic_files):
    folder = tmp_path_factory.mktemp("clips")
    write_video(folder / "a.mp4", islice(read_video(ASSETS / "demo.mp4"), 0, 12), preset="veryfast")
    (folder / "labels.csv").write_text("id,subject,label\na,anna,win\n")
    return folder


def extracted(clips, out, choice=None, encoder=None):
    options = Options(clips, clips / "labels.csv", out, workers=1, encoder=encoder, choice=choice or Choice())
    return extracting.run(options)


def test_an_exported_encoder_gives_what_its_network_gives(clips, dinov2, tmp_path):
    dinov2(tmp_path / "small", image_size=56, **SMALL)
    card = export_image(str(tmp_path / "small"), tmp_path / "models", size=56)
    exported = Choice(image=tmp_path / "models" / card.file)
    found = extracted(clips, tmp_path / "a", exported)
    torch = extracted(clips, tmp_path / "b", encoder=str(tmp_path / "small"))
    assert found.index.extractors == torch.index.extractors
    assert found.index.extractors == {"keypoints": EXTRACTOR, "image": card.extractor}
    a, b = (store.recording("a").features for store in (found, torch))
    np.testing.assert_allclose(a, b, atol=2e-3, rtol=2e-3)
    with pytest.raises(UsageError, match="expected it or --image, found both"):
        extracted(clips, tmp_path / "c", exported, str(tmp_path / "small"))


def test_whole_body_points_are_those_of_their_file(clips, rtmw, tmp_path):
    card = export_wholebody(str(rtmw), tmp_path / "models")
    path = tmp_path / "models" / card.file
    choice = Choice(keypoints="wholebody", keypoints_model=path)
    store = extracted(clips, tmp_path / "a", choice)
    assert store.index.extractors == {"keypoints": card.extractor}
    assert store.index.extractors["keypoints"].sha256 == sha256_of(rtmw)
    assert store.entries["a"].ticks == 12
    with pytest.raises(UsageError, match="choose another folder"):
        extracted(clips, tmp_path / "a")


def test_a_model_that_is_none_costs_nothing(clips, rtmw, tmp_path):
    path = tmp_path / export_wholebody(str(rtmw), tmp_path).file
    with pytest.raises(ModelError, match="expected a model for detector, found one for keypoints"):
        extracted(clips, tmp_path / "a", Choice(detector="yolo", detector_model=path))
    assert card_of(path).kind == "keypoints"
    assert not (tmp_path / "a").exists()
