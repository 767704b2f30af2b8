"""Rows of poses: what a tick writes, which earlier ticks its offsets may use, and what clearing leaves."""

import numpy as np
import pytest

from stream.bundle.manifest import Window as Spec
from stream.records import Portrait, Pose
from stream.skeleton import COUNT, GROUPS
from stream.window.pose_rows import PoseRows

SPEC = Spec(poses=8, features=2, stride=4, offsets=(1, 2, 3))
BOX = Portrait((0.0, 0.0, 100.0, 100.0), 1.0)


def pose(x: float, valid: bool = True) -> Pose:
    return Pose(np.full((COUNT, 2), x, np.float32), np.full(COUNT, valid))


def offsets(rows: PoseRows, tick: int) -> list[float]:
    """The three displacements along x of the first body point."""
    return rows.groups["body"].get(tick)[2:8:2].round(4).tolist()


@pytest.fixture
def rows() -> PoseRows:
    found = PoseRows(SPEC, 10)
    for tick in range(4):
        assert found.write(tick, BOX, pose(10.0 * tick), scene=0, oldest=0)
    return found


def test_a_row_holds_every_group_at_its_width(rows: PoseRows) -> None:
    groups, mask, scenes = rows.views(3, 4)
    assert [group.shape for group in groups] == [(4, width) for width in SPEC.widths.values()]
    assert mask.shape == (len(GROUPS), 4)
    assert mask.all()
    assert scenes.tolist() == [0] * 4


def test_offsets_reach_back_to_the_oldest_tick_and_not_beyond(rows: PoseRows) -> None:
    assert offsets(rows, 3) == pytest.approx([0.1, 0.2, 0.3])
    rows.write(4, BOX, pose(40.0), scene=0, oldest=3)
    assert offsets(rows, 4) == pytest.approx([0.1, 0, 0])


def test_offsets_do_not_cross_a_cut(rows: PoseRows) -> None:
    rows.write(4, BOX, pose(40.0), scene=1, oldest=0)
    rows.write(5, BOX, pose(60.0), scene=1, oldest=0)
    assert offsets(rows, 4) == [0, 0, 0]
    assert offsets(rows, 5) == pytest.approx([0.2, 0, 0])


def test_ticks_that_were_cleared_show_nobody_in_the_scene_that_was_given(rows: PoseRows) -> None:
    rows.clear(4, 5, scene=7)
    groups, mask, scenes = rows.views(5, 3)
    assert mask.T.tolist() == [[True] * 3, [False] * 3, [False] * 3]
    assert not groups[0][1:].any()
    assert scenes.tolist() == [0, 7, 7]
    rows.write(6, BOX, pose(60.0), scene=0, oldest=0)
    assert offsets(rows, 6) == pytest.approx([0, 0, 0.3])
    before = rows.views(6, 3)[1].copy()
    rows.clear(7, 6, scene=0)  # an empty stretch
    np.testing.assert_array_equal(rows.views(6, 3)[1], before)


@pytest.mark.parametrize(
    ("portrait", "seen"),
    [
        (BOX, pose(1.0, valid=False)),
        (BOX, pose(np.nan)),
        (Portrait((0.0, 0.0, np.inf, 1.0), 1.0), pose(1.0)),
    ],
)
def test_what_has_no_valid_point_is_not_written(rows: PoseRows, portrait: Portrait, seen: Pose) -> None:
    rows.clear(4, 4, scene=0)
    assert not rows.write(4, portrait, seen, scene=0, oldest=0)
    assert not rows.present.get(4)


def test_reset_forgets(rows: PoseRows) -> None:
    rows.reset()
    groups, mask, scenes = rows.views(3, 4)
    assert not mask.any()
    assert not scenes.any()
    assert not any(group.any() for group in groups)
