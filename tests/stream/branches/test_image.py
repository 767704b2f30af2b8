"""Portrait → crop → vector, and encoders that do not fit the bundle."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec import structs

from stream.branches import image
from stream.branches.image import ImageEncoder, crop_portrait, encoder_from, input_of, normalised
from stream.bundle.load import Bundle
from stream.bundle.manifest import Extractor, ImageInput, Tensor
from stream.bundle.model_card import Card, Preprocessing, card_file
from stream.errors import BundleError, ModelError
from stream.records import Portrait

FILE = Path("dinov2.onnx")


def picture() -> np.ndarray:
    """uint8 [100, 200, 3]: red is the column, green the row."""
    rows, columns = np.mgrid[:100, :200].astype(np.uint8)
    return np.stack([columns, rows, np.zeros_like(rows)], axis=-1)


def crop(box: Any, size: int = 10) -> np.ndarray:
    return crop_portrait(picture(), Portrait(box, 1.0), size)


def test_the_crop_is_the_box_stretched_to_a_square() -> None:
    found = crop((50.0, 20.0, 150.0, 60.0))
    assert (found.dtype, found.shape) == (np.uint8, (10, 10, 3))
    assert found[0, 0].tolist() == pytest.approx([54, 22, 0], abs=1)  # the mean of 10 × 4 pixels
    assert found[-1, -1].tolist() == pytest.approx([144, 58, 0], abs=1)


def test_a_box_of_the_crop_s_size_is_copied() -> None:
    np.testing.assert_array_equal(crop((50.0, 20.0, 60.0, 30.0)), picture()[20:30, 50:60])


@pytest.mark.parametrize(
    ("box", "corner"),
    [
        ((-50.0, -50.0, 10.0, 10.0), [0, 0]),
        ((190.0, 90.0, 900.0, 900.0), [190, 90]),
        ((500.0, 500.0, 600.0, 600.0), [199, 99]),  # beyond the frame: its last pixel
        ((50.0, 20.0, 50.0, 20.0), [50, 20]),  # no area: one pixel
    ],
)
def test_a_box_is_clipped_to_the_frame_and_never_empty(box: Any, corner: list[int]) -> None:
    assert crop(box)[0, 0, :2].tolist() == corner


def test_values_are_normalised_by_channel_and_channels_come_first(bundle: Bundle) -> None:
    spec = structs.replace(the_input(bundle), mean=(0.5, 0.25, 0.0), std=(0.5, 0.25, 1.0))
    found = normalised(np.full((4, 4, 3), 255, np.uint8), spec)
    assert (found.dtype, found.shape) == (np.float32, (1, 3, 4, 4))
    assert found.flags.c_contiguous
    np.testing.assert_allclose(found[0, :, 0, 0], (1, 3, 1), atol=1e-6)


def the_input(bundle: Bundle) -> ImageInput:
    assert bundle.manifest.image is not None
    return bundle.manifest.image


def test_the_demo_s_encoder_tells_portraits_apart(bundle: Bundle) -> None:
    spec = the_input(bundle)
    encode = ImageEncoder(bundle, spec)
    rng = np.random.default_rng(0)
    one, other = (rng.integers(0, 256, (spec.size, spec.size, 3)).astype(np.uint8) for _ in range(2))
    found = encode(one)
    assert (found.dtype, found.shape) == (np.float32, (spec.dim,))
    np.testing.assert_array_equal(encode(one), found)
    assert not np.allclose(encode(other), found)


def card(bundle: Bundle, **changes: Any) -> Card:
    """Of an encoder like that of the bundle's training."""
    learnt = the_input(bundle)
    fields: dict[str, Any] = {
        "kind": "image",
        "file": FILE.name,
        "sha256": "a" * 64,
        "size": 1,
        "source": "dinov2",
        "extractor": bundle.manifest.extractors.get("image", Extractor(name="dinov2", sha256="b" * 64)),
        "licence": "Apache-2.0",
        "graph": learnt.encoder,
        "preprocessing": Preprocessing(
            resize="stretch",
            width=learnt.size,
            height=learnt.size,
            mean=learnt.mean,
            std=learnt.std,
            note="",
        ),
        "token": learnt.token,
        "opset": 18,
        "precision": "fp32",
        "tools": {},
        "created": "2026-11-27",
    }
    return Card(**{**fields, **changes})


def test_a_card_in_the_manifest_s_terms(bundle: Bundle) -> None:
    learnt = the_input(bundle)
    found = input_of(FILE, card(bundle))
    assert found == structs.replace(learnt, encoder=structs.replace(learnt.encoder, file=FILE.name))


@pytest.mark.parametrize(
    "wrong",
    [
        {"preprocessing": None},
        {"token": None},
        {"outputs": (Tensor(name="y", shape=(1, 5, 96), dtype="float32"),)},
        {"outputs": ()},
    ],
)
def test_a_card_of_another_network_is_one_sentence(bundle: Bundle, wrong: dict[str, Any]) -> None:
    if "outputs" in wrong:
        wrong = {"graph": structs.replace(the_input(bundle).encoder, **wrong)}
    with pytest.raises(ModelError, match=r"expected an image encoder with one vector \[1, D\] out"):
        input_of(FILE, card(bundle, **wrong))


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Any]:
    """What was loaded in place of a network; a file and its card are there."""
    found: list[Any] = []
    monkeypatch.chdir(tmp_path)
    FILE.touch()
    card_file(FILE).touch()
    monkeypatch.setattr(image, "ImageEncoder", lambda home, spec, **options: found.append(spec))
    return found


def other_size(bundle: Bundle) -> dict[str, Any]:
    before = card(bundle).preprocessing
    assert before is not None
    return {"preprocessing": structs.replace(before, width=14, height=14)}


def other_width(bundle: Bundle) -> dict[str, Any]:
    outputs = (Tensor(name="feature", shape=(1, 768), dtype="float32"),)
    return {"graph": structs.replace(the_input(bundle).encoder, outputs=outputs)}


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (other_width, "expected image vectors of width 96, which it was trained on, found 768"),
        (other_size, "expected image portraits of side 126, which it was trained on, found 14"),
        (lambda bundle: {"token": "mean"}, "expected image token cls, which it was trained on, found mean"),
    ],
)
def test_an_encoder_of_another_form_is_refused(
    bundle: Bundle, loaded: list[Any], monkeypatch: pytest.MonkeyPatch, wrong: Any, words: str
) -> None:
    monkeypatch.setattr(image, "card_of", lambda path, kind: card(bundle, **wrong(bundle)))
    with pytest.raises(BundleError, match=words):
        encoder_from(FILE, bundle, any_extractor=True)
    assert not loaded


def test_an_encoder_with_other_weights_needs_an_explicit_word(
    bundle: Bundle, loaded: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Extractor(name="dinov2-base", sha256="c" * 64)
    trained = structs.replace(bundle, manifest=structs.replace(bundle.manifest, extractors={"image": own}))
    other = Extractor(name="dinov2-small", sha256="d" * 64)
    monkeypatch.setattr(image, "card_of", lambda path, kind: card(bundle, extractor=other))
    with pytest.raises(BundleError, match=r"dinov2-base .*found dinov2-small .* or pass --any-extractor"):
        encoder_from(FILE, trained)
    encoder_from(FILE, trained, any_extractor=True)
    monkeypatch.setattr(image, "card_of", lambda path, kind: card(bundle, extractor=own))
    encoder_from(FILE, trained)
    assert len(loaded) == 2


def test_a_bundle_without_an_image_branch_takes_none(
    bundle: Bundle, loaded: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image, "card_of", lambda path, kind: card(bundle))
    mode = bundle.manifest.modes["full"]
    branches = {name: graph for name, graph in mode.branches.items() if name != "image"}
    modes = {"full": structs.replace(mode, branches=branches)}
    blind = structs.replace(bundle, manifest=structs.replace(bundle.manifest, image=None, modes=modes))
    with pytest.raises(BundleError, match="expected a bundle with an image branch for --image"):
        encoder_from(FILE, blind)
    assert not loaded
