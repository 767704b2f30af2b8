"""An image encoder without a card: its preprocessing comes as options, or it is refused in a sentence."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from stream.branches.image import ImageEncoder, encoder_from, read_encoder
from stream.branches.options import ImageOptions
from stream.bundle.load import Bundle, demo_bundle
from stream.bundle.model_card import card_file
from stream.errors import BundleError, ModelError, UndertoneError, UsageError
from stream.files import sha256_of
from stream.frontend.options import FrontEndOptions
from stream.runtime.front_end_choice import Choice


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return Bundle.load(demo_bundle())


@pytest.fixture
def bare(tmp_path: Path, bundle: Bundle) -> Path:
    """The demo bundle's encoder, with nothing beside it."""
    return Path(shutil.copyfile(bundle.path(bundle.manifest.image.encoder.file), tmp_path / "mine.onnx"))


def options(bundle: Bundle, **changes: object) -> ImageOptions:
    image = bundle.manifest.image
    mean, std = (",".join(map(str, values)) for values in (image.mean, image.std))
    given = {"image_size": image.size, "image_mean": mean, "image_std": std}
    return ImageOptions(**(given | changes))


def test_options_stand_in_for_a_card(bare, bundle) -> None:
    given = options(bundle)
    found = encoder_from(bare, bundle, given, any_extractor=True)
    crop = np.random.default_rng(0).integers(0, 255, (found.spec.size, found.spec.size, 3)).astype(np.uint8)
    np.testing.assert_array_equal(found(crop), ImageEncoder(bundle, bundle.manifest.image)(crop))
    _, extractor = read_encoder(bare, given)
    assert (extractor.name, extractor.sha256) == ("mine", sha256_of(bare))
    with pytest.raises(BundleError, match=r"found mine \(sha256"):  # whose vectors these are is known
        encoder_from(bare, bundle, given)
    choice = Choice(image=bare, encoding=given)
    assert choice.image_extractor == extractor
    choice.prove("cpu", lambda line: None)  # there is nothing to hold it against
    np.testing.assert_array_equal(choice.encoder()(crop), found(crop))
    assert not np.array_equal(
        encoder_from(bare, bundle, ImageOptions(given.image_size, "0,0,0", "1,1,1"), any_extractor=True)(
            crop
        ),
        found(crop),
    )


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"image_size": None, "image_mean": "0,0,0"},
            r"mine\.json beside it or its preprocessing as --image-size .*found neither",
        ),
        ({"image_size": 99}, r"expected an input \[1, 3, 99, 99\], as --image-size and --image-layout say"),
        ({"image_layout": "nhwc"}, r"expected an input \[1, (\d+), \1, 3\], as .* found \[1, 3,"),
    ],
)
def test_what_does_not_describe_it(bare, bundle, changes, sentence) -> None:
    for use in (lambda c: encoder_from(bare, bundle, c), lambda c: Choice(image=bare, encoding=c).encoder()):
        with pytest.raises(ModelError, match=sentence) as raised:
            use(options(bundle, **changes))
        assert str(raised.value).endswith(".")
        assert "\n" not in str(raised.value)


def test_neither_card_nor_options_is_reported_before_anything_runs(bare) -> None:
    with pytest.raises(ModelError, match=r"found neither; give one of these\.$"):
        Choice(image=bare).prove("cpu", lambda line: None)


def test_a_card_needs_no_options(bare, bundle) -> None:
    card_file(bare).write_text("{}")
    with pytest.raises(UsageError, match=r"expected its card mine\.json or options .*, found both; leave"):
        read_encoder(bare, options(bundle))


def test_options_of_no_encoder() -> None:
    with pytest.raises(
        UndertoneError, match="--image-size: expected it and its like with --image, found them"
    ):
        FrontEndOptions(encoding=ImageOptions(image_size=14))
