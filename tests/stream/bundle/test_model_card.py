"""A model and its card belong together or are refused; an encoder takes the bundle's place or is refused."""

import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest

from stream.branches.image import ImageEncoder, encoder_from
from stream.bundle.load import Bundle, demo_bundle
from stream.bundle.manifest import Extractor
from stream.bundle.model_card import Card, Preprocessing, card_file, card_of
from stream.errors import BundleError, ModelError
from stream.files import sha256_of


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return Bundle.load(demo_bundle())


def write(folder: Path, bundle: Bundle, **changes: object) -> Path:
    """The demo bundle's own encoder as a model of its own, with a card."""
    image = bundle.manifest.image
    assert image is not None
    path = folder / "encoder.onnx"
    shutil.copyfile(bundle.path(image.encoder.file), path)
    fields: dict[str, object] = {
        "kind": "image",
        "file": path.name,
        "sha256": sha256_of(path),
        "size": path.stat().st_size,
        "source": "made here",
        "extractor": bundle.manifest.extractors.get("image", Extractor(name="any", sha256="any")),
        "licence": "Apache-2.0",
        "graph": msgspec.structs.replace(image.encoder, file=path.name),
        "preprocessing": Preprocessing(
            resize="stretch", width=image.size, height=image.size, mean=image.mean, std=image.std, note=""
        ),
        "token": image.token,
        "opset": 18,
        "precision": "fp32",
        "tools": {},
        "created": "2026-01-01",
    }
    card_file(path).write_bytes(msgspec.json.encode(Card(**(fields | changes))))
    return path


def test_an_encoder_in_the_bundle_s_place_gives_its_vectors(tmp_path, bundle) -> None:
    found = encoder_from(write(tmp_path, bundle), bundle)
    crop = np.random.default_rng(0).integers(0, 255, (found.spec.size, found.spec.size, 3)).astype(np.uint8)
    own = ImageEncoder(bundle, bundle.manifest.image)
    np.testing.assert_array_equal(found(crop), own(crop))


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({"dim": 768}, "vectors of width 768"),
        ({"size": 518}, "portraits of side 518"),
        ({"token": "mean"}, "image token mean"),
    ],
)
def test_an_encoder_unlike_that_of_training_is_refused(tmp_path, bundle, section, words) -> None:
    image = msgspec.structs.replace(bundle.manifest.image, **section)
    other = msgspec.structs.replace(bundle, manifest=msgspec.structs.replace(bundle.manifest, image=image))
    with pytest.raises(BundleError, match=words) as raised:
        encoder_from(write(tmp_path, bundle), other, any_extractor=True)
    assert "\n" not in str(raised.value)


def test_another_extractor_is_refused_unless_any_will_do(tmp_path, bundle) -> None:
    path = write(tmp_path, bundle, extractor=Extractor(name="dinov2-base", sha256="b" * 64))
    extractors = bundle.manifest.extractors | {"image": Extractor(name="dinov2-small", sha256="a" * 64)}
    manifest = msgspec.structs.replace(bundle.manifest, extractors=extractors)
    trained = msgspec.structs.replace(bundle, manifest=manifest)
    with pytest.raises(BundleError, match=r"dinov2-small \(sha256 a{12}\).*found dinov2-base"):
        encoder_from(path, trained)
    assert encoder_from(path, trained, any_extractor=True).spec.dim == bundle.manifest.image.dim


def test_a_bundle_without_an_image_branch_takes_none(tmp_path, bundle) -> None:
    path = write(tmp_path, bundle)
    blind = _Blind(bundle)
    with pytest.raises(BundleError, match="expected a bundle with an image branch"):
        encoder_from(path, blind)


class _Blind:
    """A bundle whose manifest has no image section."""

    def __init__(self, bundle: Bundle) -> None:
        self.folder = bundle.folder
        self.manifest = type("Manifest", (), {"image": None})()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda path: path.unlink(), "expected an ONNX file, found none"),
        (lambda path: card_file(path).unlink(), "expected the model's card beside it, found none"),
        (lambda path: card_file(path).write_text("{}"), "expected a model card of schema 1"),
        (lambda path: card_file(path).write_text("not JSON"), "expected a model card of schema 1"),
        (
            lambda path: card_file(path).write_text(
                card_file(path).read_text().replace('"schema":1', '"schema":2')
            ),
            "schema 2",
        ),
        (lambda path: path.write_bytes(path.read_bytes()[:-10]), "as its card says, found another file"),
        (lambda path: path.write_bytes(b"x" * path.stat().st_size), "as its card says, found another file"),
    ],
)
def test_what_does_not_belong_together_is_one_sentence(tmp_path, bundle, spoil, words) -> None:
    path = write(tmp_path, bundle)
    spoil(path)
    with pytest.raises(ModelError, match=words) as raised:
        card_of(path, "image")
    assert "\n" not in str(raised.value)


def test_a_model_for_something_else_is_refused(tmp_path, bundle) -> None:
    with pytest.raises(ModelError, match="expected a model for detector, found one for image"):
        card_of(write(tmp_path, bundle), "detector")


def test_a_vector_of_another_shape_is_refused(tmp_path, bundle) -> None:
    with pytest.raises(ModelError, match="expected an image encoder"):
        encoder_from(write(tmp_path, bundle, preprocessing=None), bundle)
