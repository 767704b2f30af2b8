"""What is drawn: valid points and whole bones only, and a curve whose height is the confidence."""

import numpy as np

from stream.overlay.drawing import draw, draw_inspection
from stream.records import Portrait, Pose
from stream.skeleton import BONES, COUNT

GREY = np.full((240, 320, 3), 90, np.uint8)
BOX = Portrait((40.0, 30.0, 200.0, 210.0), 0.9)


def pose(valid: bool = True) -> Pose:
    turn = np.linspace(0, 2 * np.pi, COUNT)
    points = np.stack((120 + 60 * np.cos(turn), 120 + 70 * np.sin(turn)), axis=1).astype(np.float32)
    return Pose(points, np.full(COUNT, valid))


def test_inspection_draws_on_a_copy_and_only_what_is_valid() -> None:
    image = GREY.copy()
    drawn = draw_inspection(image, BOX, pose())
    np.testing.assert_array_equal(image, GREY)
    assert drawn.shape == image.shape
    changed = (drawn != image).any(axis=-1)
    for x, y in pose().points:
        assert changed[round(float(y)), round(float(x))]
    np.testing.assert_array_equal(draw_inspection(image, None, None), image)
    np.testing.assert_array_equal(draw_inspection(image, None, pose(valid=False)), image)


def test_a_bone_needs_both_of_its_ends() -> None:
    a, b = BONES[0]
    whole = pose()
    one = Pose(whole.points, np.arange(COUNT) == a)
    both = Pose(whole.points, np.isin(np.arange(COUNT), (a, b)))
    middle = whole.points[[a, b]].mean(axis=0)
    x, y = round(float(middle[0])), round(float(middle[1]))
    assert (draw_inspection(GREY, None, one)[y, x] == 90).all()
    assert (draw_inspection(GREY, None, both)[y, x] != 90).any()


def test_points_far_outside_or_not_numbers_do_no_harm() -> None:
    points = np.full((COUNT, 2), 1e9, np.float32)
    points[::2] = np.nan
    drawn = draw_inspection(
        GREY, Portrait((-1e4, -50.0, 1e4, 500.0), 0.5), Pose(points, np.ones(COUNT, bool))
    )
    assert drawn.shape == GREY.shape


def test_the_curve_is_high_for_win_and_low_for_loss() -> None:
    height = GREY.shape[0]

    def level(win: float) -> float:
        flat = [(i / 5, win) for i in range(100)]
        panel = draw(GREY, None, None, flat, "", now=19.8)[height:]
        rows = np.nonzero((panel.max(axis=-1).astype(int) - panel.min(axis=-1) > 60).any(axis=1))[0]
        return float(rows.mean())

    assert level(0.9) < level(0.5) < level(0.1)


def test_a_curve_has_gaps_where_nothing_is_known() -> None:
    gap = [(float(i), None if 20 <= i < 40 else 0.8) for i in range(60)]
    panel = draw(GREY, None, None, gap, "absent", now=59.0)[GREY.shape[0] :]
    coloured = (panel.max(axis=-1).astype(int) - panel.min(axis=-1) > 60).any(axis=0)
    assert coloured[:90].any()
    assert not coloured[115:205].any()
    assert coloured[225:].any()
