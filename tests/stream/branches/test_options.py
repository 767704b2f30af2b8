"""How to feed an encoder without a card, as a user says it."""

import pytest

from stream.branches.options import ImageOptions
from stream.errors import UsageError


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"image_mean": "0.5,0.5"}, "--image-mean: expected three numbers such as 0.485,0.456,0.406, found"),
        ({"image_std": "a,b,c"}, "--image-std: expected three numbers"),
        ({"image_std": "1,0,1"}, "--image-std: expected numbers above 0, found 1,0,1"),
        ({"image_mean": "nan,0,0"}, "--image-mean: expected three numbers"),
        ({"image_layout": "chw"}, "--image-layout: expected nchw or nhwc, found 'chw'"),
    ],
)
def test_values_that_are_none(given, sentence) -> None:
    with pytest.raises(UsageError, match=sentence):
        ImageOptions(image_size=14, **given)


def test_imagenet_s_statistics_are_the_default() -> None:
    options = ImageOptions(image_size=224)
    assert options.mean == (0.485, 0.456, 0.406)
    assert options.std == (0.229, 0.224, 0.225)
    assert options.image_layout == "nchw"


def test_numbers_are_read_with_whatever_space_is_around_them() -> None:
    assert ImageOptions(image_mean=" 0, 1e-1 ,0.25").mean == (0.0, 0.1, 0.25)
