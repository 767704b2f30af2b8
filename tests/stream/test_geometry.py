import math

import cv2
import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.geometry import (
    Halves,
    Region,
    Sampler,
    affine,
    clip,
    crop,
    inverse,
    letterbox,
    normalise,
    overlap,
    project,
    uncrop,
)

REGIONS = st.builds(
    Region,
    cx=st.floats(-500, 2500),
    cy=st.floats(-500, 2500),
    width=st.floats(4, 3000),
    height=st.floats(4, 3000),
    rotation=st.floats(-math.pi, math.pi),
)
SIZES = st.tuples(st.integers(16, 512), st.integers(16, 512))
POINTS = arrays.arrays(np.float32, (7, 2), elements=st.floats(-1000, 3000, width=32))
BOXES = st.builds(
    lambda x, y, w, h: (x, y, x + w, y + h),
    st.floats(-50, 100), st.floats(-50, 100), st.floats(1, 200), st.floats(1, 200),
)  # fmt: skip


@given(REGIONS, SIZES, POINTS, st.booleans())
def test_uncrop_undoes_project(
    region: Region, size: tuple[int, int], points: np.ndarray, mirrored: bool
) -> None:
    back = uncrop(project(points, region, size, mirrored=mirrored), region, size, mirrored=mirrored)
    scale = max(region.width / size[0], region.height / size[1], 1.0)
    np.testing.assert_allclose(back, points, atol=0.01 * scale)


@given(REGIONS, SIZES)
def test_the_corners_of_the_crop_are_the_corners_of_the_region(region: Region, size: tuple[int, int]) -> None:
    corners = uncrop(np.array(((0, 0), size), np.float32), region, size)
    np.testing.assert_allclose(corners.mean(axis=0), (region.cx, region.cy), atol=0.01)
    diagonal = math.hypot(region.width, region.height)
    assert np.linalg.norm(corners[1] - corners[0]) == pytest.approx(diagonal, rel=1e-3)


@given(REGIONS)
def test_the_box_of_a_region_holds_its_corners_and_no_more(region: Region) -> None:
    corners = uncrop(np.array(((0, 0), (8, 0), (8, 8), (0, 8)), np.float32), region, (8, 8))
    np.testing.assert_allclose((*corners.min(axis=0), *corners.max(axis=0)), region.box, atol=0.01)


def test_an_upright_crop_of_the_same_size_is_a_slice() -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    cut = crop(image, Region(30, 20, 20, 10), (20, 10))
    np.testing.assert_array_equal(cut, image[15:25, 20:40])


def test_a_mirrored_crop_is_the_crop_seen_in_a_mirror_up_to_the_corner_convention() -> None:
    image = np.zeros((40, 60, 3), np.uint8)
    image[:, :30] = 200
    plain, mirrored = (
        crop(image, Region(30, 20, 20, 20), (20, 20)),
        crop(image, Region(30, 20, 20, 20), (20, 20), mirrored=True),
    )
    assert plain[10, 2, 0] == 200
    assert mirrored[10, 2, 0] == 0


def test_a_turned_crop_stands_upright() -> None:
    """A bar that leans 30° clockwise, cut with a region that leans as much, is vertical."""
    image = np.zeros((200, 200, 3), np.uint8)
    direction = np.array((math.sin(math.radians(30)), -math.cos(math.radians(30))))
    ends = [np.array((100, 100)) + 60 * sign * direction for sign in (-1, 1)]
    cv2.line(image, *(tuple(int(v) for v in end) for end in ends), (255, 255, 255), 6)
    cut = crop(image, Region(100, 100, 160, 160, math.radians(30)), (160, 160))[..., 0] > 128
    columns = np.flatnonzero(cut.any(axis=0))
    assert columns.max() - columns.min() < 10
    assert np.count_nonzero(cut.any(axis=1)) > 110


@pytest.mark.parametrize(("border", "outside"), [("replicate", 90), ("zero", 0)])
def test_beyond_the_frame_lies_its_edge_or_nothing(border: str, outside: int) -> None:
    image = np.full((20, 20, 3), 90, np.uint8)
    cut = crop(image, Region(10, 10, 80, 80), (40, 40), border=border)
    assert cut[0, 0, 0] == outside
    assert cut[20, 20, 0] == 90


def test_sampling_rounds_positions_to_a_thirty_second_of_a_pixel() -> None:
    """What OpenCV 3 and 4 do and the reference points of the networks depend on."""
    ramp = np.repeat(np.arange(0, 250, 10, dtype=np.uint8)[None, :, None], 25, axis=0).repeat(3, axis=2)
    shifted = [
        int(Sampler((8, 8))(ramp, np.array(((1.0, 0, 4 + shift), (0, 1.0, 4))))[2, 2, 0])
        for shift in (0.0, 0.45 / 32, 0.55 / 32, 1.45 / 32, 0.5)
    ]
    assert shifted[0] == shifted[1] == 60
    assert shifted[2] == shifted[3]
    assert shifted[4] == 65


def test_a_sampler_answers_alike_whatever_it_was_asked_before() -> None:
    rng = np.random.default_rng(1)
    image = rng.integers(0, 256, (50, 70, 3), np.uint8)
    sampler, matrix = Sampler((16, 16)), affine(Region(30, 20, 25, 25, 0.3), (16, 16))
    first = sampler(image, matrix).copy()
    sampler(image, affine(Region(90, 90, 200, 200), (16, 16)))
    np.testing.assert_array_equal(sampler(image, matrix), first)


def test_shrinking_from_halves_averages_what_single_samples_pick() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (640, 640, 3), np.uint8)
    matrix = affine(Region(320, 320, 600, 600, 0.2), (64, 64))
    sampler = Sampler((64, 64))
    single = float(sampler(noise, matrix).std())
    averaged = float(sampler(*Halves(noise).fitting(matrix)).std())
    assert averaged < single / 4


def test_the_quick_way_samples_the_same_place() -> None:
    smooth = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8), (0, 0), 3)
    sampler, matrix = Sampler((48, 48)), affine(Region(60, 45, 80, 80, 0.4), (48, 48))
    exact = sampler(smooth, matrix).astype(int)
    assert np.abs(sampler.quick(smooth, matrix).astype(int) - exact).max() <= 2


def test_halves_show_the_same_place() -> None:
    ramp = np.broadcast_to(np.arange(256, dtype=np.uint8)[None, :, None], (256, 256, 3)).copy()
    matrix = affine(Region(120, 130, 200, 200, 0.0), (32, 32))
    sampler = Sampler((32, 32))
    plain = sampler(ramp, matrix).astype(int)
    fitted = sampler(*Halves(ramp).fitting(matrix)).astype(int)
    assert np.abs(plain - fitted).max() <= 1


def test_a_region_that_grows_is_sampled_from_the_picture_itself() -> None:
    image = np.zeros((100, 100, 3), np.uint8)
    matrix = affine(Region(50, 50, 60, 60), (64, 64))
    assert Halves(image).fitting(matrix)[0] is image


def test_a_region_without_area_has_no_way_back() -> None:
    with pytest.raises(ValueError, match="no area"):
        inverse(affine(Region(1, 1, 0, 5), (8, 8)))


@given(st.integers(1, 4000), st.integers(1, 4000), st.floats(0.2, 5))
def test_a_letterbox_holds_the_frame_and_touches_it(width: int, height: int, aspect: float) -> None:
    region = letterbox(width, height, aspect)
    assert region.width >= width * (1 - 1e-9)
    assert region.height >= height * (1 - 1e-9)
    assert region.width / region.height == pytest.approx(aspect)
    assert region.width == pytest.approx(width) or region.height == pytest.approx(height)


def test_a_scaled_region_is_square_and_shifts_along_its_own_axis() -> None:
    grown = Region(100, 100, 10, 20, math.pi / 2).scaled(2.0, shift_y=-0.5)
    assert grown.width == grown.height == 40
    assert (grown.cx, grown.cy) == pytest.approx((110, 100))  # up, turned a quarter clockwise, is right


@given(BOXES)
def test_the_corners_of_a_box_become_the_unit_square(box: tuple[float, float, float, float]) -> None:
    corners = normalise(np.array((box[:2], box[2:]), np.float32), box)
    np.testing.assert_allclose(corners, ((0, 0), (1, 1)), atol=1e-3)


def test_normalising_to_a_box_without_area_is_refused() -> None:
    with pytest.raises(ValueError, match="no area"):
        normalise(np.zeros((1, 2), np.float32), (5, 5, 5, 9))


@given(BOXES, BOXES)
def test_overlap_is_symmetric_and_one_only_for_the_same_box(a: tuple, b: tuple) -> None:
    assert overlap(a, b) == pytest.approx(overlap(b, a))
    assert 0 <= overlap(a, b) <= 1
    assert overlap(a, a) == pytest.approx(1)


@given(BOXES)
def test_a_clipped_box_lies_in_the_frame(box: tuple[float, float, float, float]) -> None:
    x0, y0, x1, y1 = clip(box, 64, 48)
    assert 0 <= x0 <= x1 <= 64
    assert 0 <= y0 <= y1 <= 48
