"""Heat maps against a slow renderer that goes pixel by pixel, written from the formula alone."""

import math

import numpy as np
import pytest
import torch

from training.gestures.data import heatmaps
from training.gestures.data.coordinates import Changes, sample
from training.gestures.points import POINTS_36, merged_limbs, merged_points, single

SIZE, SIGMA = 12, 0.6


def slow_joint(x, y, score, size=SIZE, sigma=SIGMA):
    found = np.zeros((size, size))
    if score < 1e-3:
        return found
    for row in range(size):
        for column in range(size):
            inside = all(
                max(int(v - 3 * sigma), 0) <= at < int(v + 3 * sigma) + 1 for v, at in ((x, column), (y, row))
            )
            if inside:
                found[row, column] = score * math.exp(-((column - x) ** 2 + (row - y) ** 2) / (2 * sigma**2))
    return found


def slow_limb(a, b, score, size=SIZE, sigma=SIGMA):
    (ax, ay), (bx, by) = a, b
    if score < 1e-3:
        return np.zeros((size, size))
    length2 = (ax - bx) ** 2 + (ay - by) ** 2
    if length2 < 1:
        return slow_joint(ax, ay, score, size, sigma)
    found = np.zeros((size, size))
    for row in range(max(int(min(ay, by) - 3 * sigma), 0), min(int(max(ay, by) + 3 * sigma) + 1, size)):
        for column in range(
            max(int(min(ax, bx) - 3 * sigma), 0), min(int(max(ax, bx) + 3 * sigma) + 1, size)
        ):
            to_a, to_b = (column - ax) ** 2 + (row - ay) ** 2, (column - bx) ** 2 + (row - by) ** 2
            share = (to_a - to_b + length2) / 2 / length2
            if share <= 0:
                d2 = to_a
            elif share >= 1:
                d2 = to_b
            else:
                foot = (ax + share * (bx - ax), ay + share * (by - ay))
                d2 = (column - foot[0]) ** 2 + (row - foot[1]) ** 2
            found[row, column] = score * math.exp(-d2 / (2 * sigma**2))
    return found


def drawn(seed, points=5, low=1.0, high=SIZE - 1.0):
    rng = np.random.default_rng(seed)
    place = torch.from_numpy(rng.uniform(low, high, (2, points, 3, 2)).astype(np.float32))
    score = torch.from_numpy((rng.random((2, points, 3)) < 0.8).astype(np.float32))
    return place, score


def test_joints_are_what_the_slow_renderer_draws():
    place, score = drawn(0)
    found = heatmaps.joints(place, score, SIZE, single(5))
    assert found.shape == (2, 5, 3, SIZE, SIZE)
    for b in range(2):
        for k in range(5):
            for t in range(3):
                expected = slow_joint(*place[b, k, t].tolist(), float(score[b, k, t]))
                np.testing.assert_allclose(found[b, k, t], expected, atol=1e-5)


@pytest.mark.parametrize("seed", range(4))
def test_limbs_are_what_the_slow_renderer_draws(seed):
    place, score = drawn(seed)
    place[0, 1] = place[0, 0] + 0.3  # shorter than a pixel
    links = ((0, 1), (1, 2), (3, 4))
    found = heatmaps.limbs(place, score, SIZE, links, single(3))
    for b in range(2):
        for i, (j, k) in enumerate(links):
            for t in range(3):
                least = min(float(score[b, j, t]), float(score[b, k, t]))
                expected = slow_limb(place[b, j, t].tolist(), place[b, k, t].tolist(), least)
                np.testing.assert_allclose(found[b, i, t], expected, atol=1e-5)


def test_a_peak_at_a_whole_pixel_is_one_and_a_limb_is_level_along_its_segment():
    place = torch.tensor([[[[5.0, 6.0]], [[9.0, 6.0]]]])
    score = torch.ones(1, 2, 1)
    joint = heatmaps.joints(place, score, SIZE, single(2))
    assert joint[0, 0, 0, 6, 5] == 1
    assert joint.max() == 1
    assert joint[0, 0, 0, 6, 6] == pytest.approx(math.exp(-1 / (2 * 0.36)), rel=1e-5)
    limb = heatmaps.limbs(place, score, SIZE, ((0, 1),), single(1))
    np.testing.assert_allclose(limb[0, 0, 0, 6, 5:10], 1)


def test_channels_are_maxima():
    place, score = drawn(3)
    alone = heatmaps.joints(place, score, SIZE, single(5))
    together = heatmaps.joints(place, score, SIZE, ((0, 2), (4,)))
    np.testing.assert_allclose(together[:, 0], torch.maximum(alone[:, 0], alone[:, 2]))
    np.testing.assert_allclose(together[:, 1], alone[:, 4])


def test_points_that_are_not_seen_are_not_drawn():
    place, _ = drawn(0)
    assert not heatmaps.joints(place, torch.zeros(2, 5, 3), SIZE, single(5)).any()
    assert not heatmaps.limbs(place, torch.zeros(2, 5, 3), SIZE, ((0, 1),), single(1)).any()
    faint = torch.full((2, 5, 3), 5e-4)
    assert not heatmaps.joints(place, faint, SIZE, single(5)).any()


def test_a_mirrored_clip_has_mirrored_maps(skeletons):
    places = np.arange(4)
    plain = sample(skeletons, places, 8, Changes(0, 0, 0, 0, 0, 0), np.random.default_rng(0))
    flipped = sample(skeletons, places, 8, Changes(1, 0, 0, 0, 0, 0), np.random.default_rng(0))
    maps = []
    for s in (plain, flipped):
        shown = heatmaps.windows(skeletons.squares[places], s.flipped, 1.0)
        place, score = heatmaps.pixels(s, shown, 64)
        maps.append(heatmaps.joints(place, score, 65, single(36)))  # pixel x of 0..64 becomes 64 − x
    expected = maps[0][:, POINTS_36.mirror].flip(-1)
    inner = slice(3, 62)  # maps are cut at whole pixels, which is not symmetric at the edges of a spot
    close = (maps[1] - expected).abs()[..., inner, inner]
    assert close.max() < 0.02


def test_the_whole_square_is_shown_in_tests_and_a_part_of_it_in_training(skeletons):
    squares, still = skeletons.squares[:20], np.zeros(20, np.bool_)
    whole = heatmaps.windows(squares, still, 0.56)
    np.testing.assert_allclose(whole[:, 2] - whole[:, 0], 2 * squares[:, 2], rtol=1e-6)
    part = heatmaps.windows(squares, still, 0.56, np.random.default_rng(0))
    assert (part[:, :2] >= whole[:, :2] - 1e-9).all()
    assert (part[:, 2:] <= whole[:, 2:] + 1e-9).all()
    area = (part[:, 2] - part[:, 0]) * (part[:, 3] - part[:, 1]) / (2 * squares[:, 2]) ** 2
    assert area.min() > 0.4
    assert area.max() <= 1 + 1e-9


def test_merged_channels_render(skeletons):
    s = sample(skeletons, np.arange(2), 4)
    place, score = heatmaps.pixels(s, heatmaps.windows(skeletons.squares[:2], s.flipped, 1.0), 24)
    joint = heatmaps.joints(place, score, 24, merged_points())
    limb = heatmaps.limbs(place, score, 24, POINTS_36.limbs, merged_limbs())
    assert joint.shape == limb.shape == (2, 24, 4, 24, 24)
    assert joint.max() > 0.8
