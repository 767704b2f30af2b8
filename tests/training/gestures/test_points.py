"""Point sets are what the literature says where it says it, and closed under the mirror."""

import numpy as np
import pytest

from stream.errors import UsageError
from stream.skeleton import MIRROR
from training.gestures import points
from training.gestures.points import POINTS_22, POINTS_36, POINTS_68, SETS


@pytest.mark.parametrize("name", SETS)
def test_a_mirrored_person_has_the_same_points(name):
    found = SETS[name]
    assert found.count == int(name) == len(set(found.points))
    assert {MIRROR[p] for p in found.points} == set(found.points)
    assert [found.points[m] for m in found.mirror] == [MIRROR[p] for p in found.points]
    np.testing.assert_array_equal(found.mirror[found.mirror], np.arange(found.count))


def test_sizes_of_the_sets():
    assert (len(POINTS_22.limbs), len(POINTS_36.limbs), len(POINTS_68.limbs)) == (21, 36, 66)
    assert POINTS_36.points[:12] == (*range(8), 15, 16, 17, 18)
    assert POINTS_36.points[12:24] == (27, 29, 33, 37, 39, 44, 49, 52, 73, 76, 79, 82)
    assert POINTS_36.points[24:] == (95, 99, 103, 107, 111, 115, 116, 120, 124, 128, 132, 136)
    assert POINTS_68.points[26:] == tuple(range(95, 137))
    assert {len(g) for g in (POINTS_68.groups["left_hand"], POINTS_68.groups["right_hand"])} == {21}
    assert POINTS_22.groups["face"] == ()


@pytest.mark.parametrize("name", SETS)
def test_limbs_are_mirrored_into_limbs(name):
    found = SETS[name]
    limbs = {frozenset(limb) for limb in found.limbs}
    assert len(limbs) == len(found.limbs)
    assert {frozenset(int(found.mirror[i]) for i in limb) for limb in limbs} == limbs


@pytest.mark.parametrize(
    ("channels", "of"),
    [(points.merged_points(), POINTS_36.count), (points.merged_limbs(), len(POINTS_36.limbs))],
)
def test_merged_channels_hold_each_once(channels, of):
    assert len(channels) == 24
    assert sorted(i for channel in channels for i in channel) == list(range(of))


def test_light_skeletons_have_no_face():
    seen = np.ones(POINTS_68.count, np.bool_)
    points.check_face(POINTS_68, seen, "here")
    seen[list(POINTS_68.groups["face"])] = False
    with pytest.raises(UsageError, match=r"expected face points for the set of 68 points, found none"):
        points.check_face(POINTS_68, seen, "here")
    points.check_face(POINTS_22, np.zeros(22, np.bool_), "here")
