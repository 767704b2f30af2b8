"""Golden pictures: of the input's size, with somebody in them, the same on every machine."""

import numpy as np
import pytest

from export.frontends.pictures import PATCH, _centre_crop, patches, pictures
from stream.bundle.model_card import Preprocessing


def before(resize, width=192, height=256):
    zero, one = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    return Preprocessing(resize=resize, width=width, height=height, mean=zero, std=one, note="")


@pytest.mark.parametrize("resize", ["letterbox", "stretch", "affine"])
@pytest.mark.parametrize(("width", "height"), [(192, 256), (640, 384), (70, 70)])
def test_two_pictures_of_the_input_s_size(resize, width, height):
    found = pictures(before(resize, width, height))
    assert (found.dtype, found.shape) == (np.uint8, (2, height, width, 3))
    assert found[0].std() > 10, "a frame of the clip"
    np.testing.assert_array_equal(found, pictures(before(resize, width, height)))


def test_a_letterbox_shows_the_whole_frame_and_the_others_its_middle():
    boxed, cut = (pictures(before(resize))[0] for resize in ("letterbox", "affine"))
    assert np.ptp(boxed[0].reshape(-1, 3), axis=0).max() == 0, "a bar above"
    assert np.ptp(cut[0].reshape(-1, 3), axis=0).max() > 0


def test_the_plain_picture_is_patches():
    plain = pictures(before("stretch", 96, 64))[1]
    for top in (0, PATCH):
        for left in (0, PATCH, 2 * PATCH):
            block = plain[top : top + PATCH, left : left + PATCH].reshape(-1, 3)
            assert np.ptp(block, axis=0).max() == 0


def test_the_middle_keeps_the_aspect():
    image = np.zeros((100, 300, 3), np.uint8)
    image[:, 100:200] = 255
    assert (_centre_crop(image, (50, 50)) == 255).all()
    assert _centre_crop(image, (90, 30)).shape == (30, 90, 3)


def test_patches_have_edges_and_noise_between_nought_and_one():
    found = patches(np.random.default_rng(0), (1, 3, 64, 96))
    assert (found.dtype, found.shape) == (np.float32, (1, 3, 64, 96))
    assert 0 <= found.min() < found.max() <= 1
    inside = found[0, 0, :32, :32].std()
    assert 0 < inside < found[0, 0].std()
