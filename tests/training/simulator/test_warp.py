"""The warped portrait: moves where it is told, nowhere else, never folds, and is quick."""

import time

import cv2
import numpy as np
import pytest

from training.simulator.actions import ACTIONS, COLUMN
from training.simulator.behaviour import DEMO
from training.simulator.performance import amplitudes
from training.simulator.person import TEMPLATE
from training.simulator.warp import COARSE, PORTRAIT_ANCHORS, Performer, camera_shake

REST = np.zeros(len(ACTIONS), np.float32)
STILL = np.zeros(4, np.float32)
PEAKS = amplitudes(DEMO)


@pytest.fixture(scope="module")
def plain() -> Performer:
    return Performer()


def act(name: str, amount: float = 1.0) -> np.ndarray:
    activation = REST.copy()
    activation[COLUMN[name]] = amount * PEAKS[COLUMN[name]]
    return activation


def around(performer: Performer, image: np.ndarray, anchor: str, half: float = 0.45) -> np.ndarray:
    """Grey patch around an anchor, ``half`` face units to each side."""
    x, y = performer.to_frame(np.float32(PORTRAIT_ANCHORS[anchor]))
    r = round(half * performer.unit_px)
    patch = image[round(y) - r : round(y) + r, round(x) - r : round(x) + r]
    return cv2.cvtColor(patch, cv2.COLOR_RGB2GRAY).astype(np.float32)


def test_frames_are_pictures_and_repeat(plain):
    image = plain(REST, STILL)
    assert image.shape == (480, 640, 3)
    assert image.dtype == np.uint8
    assert image.std() > 30
    assert np.array_equal(image, Performer()(REST, STILL))
    noisy = plain.noisy(image, np.random.default_rng(0), 2.5)
    assert 1.0 < (noisy.astype(float) - image).std() < 3.5


def test_anchors_lie_where_a_face_has_them():
    for name in ("mouth_right", "mouth_left", "right_brow", "left_brow", "chin"):
        nearest = np.linalg.norm(TEMPLATE - PORTRAIT_ANCHORS[name], axis=1).min()
        assert nearest < 0.35, name
    assert PORTRAIT_ANCHORS["mouth_right"][0] < 0 < PORTRAIT_ANCHORS["mouth_left"][0]


@pytest.mark.parametrize(
    ("action", "anchor", "sign"),
    [
        ("nod", "lower_lip", (0, 1)),
        ("head_turn", "lower_lip", (1, 0)),
        ("brow_raise", "left_brow", (0, -1)),
        ("brow_lower", "right_brow", (0, 1)),
        ("mouth_corners_up", "mouth_left", (0, -1)),
        ("mouth_corners_down", "mouth_right", (0, 1)),
    ],
)
def test_the_picture_moves_as_the_action_says(plain, action, anchor, sign):
    before = around(plain, plain(REST, STILL), anchor)
    after = around(plain, plain(act(action, 1.0), STILL), anchor)
    window = cv2.createHanningWindow(before.shape[::-1], cv2.CV_32F)
    moved, _ = cv2.phaseCorrelate(before, after, window)
    along = float(np.dot(moved, sign))
    assert 0.25 * PEAKS[COLUMN[action]] * plain.unit_px < along < 1.5 * PEAKS[COLUMN[action]] * plain.unit_px


@pytest.mark.parametrize("action", ["brow_raise", "brow_lower", "lip_press", "mouth_corners_up", "blink"])
def test_a_facial_action_leaves_the_rest_of_the_picture_alone(plain, action):
    change = np.abs(plain(act(action), STILL).astype(int) - plain(REST, STILL)).sum(-1)
    x, y = plain.to_frame(np.float32([0, 0.5]))
    unit = plain.unit_px
    rows, columns = np.mgrid[: change.shape[0], : change.shape[1]]
    far = np.hypot(columns - x, rows - y) > 2.2 * unit
    assert change.max() > 30
    assert change[far].max() <= 6


@pytest.mark.parametrize("seed", [None, 1, 2])
def test_no_action_folds_the_picture(seed):
    performer = Performer(seed)
    sign = 1 if performer.to_frame(np.float32([1, 0]))[0] > performer.to_frame(np.float32([0, 0]))[0] else -1
    width, height = performer.size
    y, x = np.mgrid[COARSE // 2 : height : COARSE, COARSE // 2 : width : COARSE]
    at = np.stack([x, y], -1).astype(np.float32)
    for action in ACTIONS:
        moved = performer.motion(act(action.name, 1.2), STILL, at) * performer.unit_px * (sign, 1)
        across = np.diff(moved, axis=1)[:-1] / COARSE
        down = np.diff(moved, axis=0)[:, :-1] / COARSE
        area = (1 - across[..., 0]) * (1 - down[..., 1]) - across[..., 1] * down[..., 0]
        assert area.min() > 0.05, action.name


def test_variations_are_other_pictures_of_the_same_size():
    pictures = [Performer(seed)(REST, STILL) for seed in range(3)]
    assert all(p.shape == (480, 640, 3) for p in pictures)
    assert np.abs(pictures[0].astype(int) - pictures[1]).mean() > 5
    assert np.array_equal(pictures[2], Performer(2)(REST, STILL))


def test_a_frame_is_quick(plain):
    rng = np.random.default_rng(0)
    took = []
    for _ in range(15):
        started = time.thread_time()
        plain.noisy(plain(act("nod"), STILL), rng)
        took.append(time.thread_time() - started)
    assert np.median(took) < 0.008


def test_the_camera_trembles_within_bounds():
    shake = camera_shake(500, np.random.default_rng(0))
    assert shake.shape == (500, 2)
    assert np.abs(shake).max() < 3
    assert np.abs(np.diff(shake, axis=0)).max() < 0.5
