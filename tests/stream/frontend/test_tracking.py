import numpy as np

from stream.frontend.tracking import CHECK_EVERY, PATIENCE, SEARCH_EVERY, Follower, Tracking
from stream.geometry import Region

TRACKING = Tracking(degrees=15, translation=0.1, scale=0.3, margin=-0.2)
HERE = Region(100, 100, 50, 50)
POINTS = np.array(((90, 90), (110, 110)), np.float32)


class Finder:
    """Finds the part at a place and counts how often it was asked."""

    def __init__(self, place: Region | None = HERE) -> None:
        self.place, self.calls = place, 0

    def __call__(self) -> Region | None:
        self.calls += 1
        return self.place


def _follower() -> Follower:
    return Follower(TRACKING, lambda points: Region(*points.mean(axis=0).tolist(), 50, 50))


def test_near_measures_along_the_turned_axes() -> None:
    turned = Region(100, 100, 100, 10, np.pi / 2)
    assert TRACKING.near(Region(100, 109, 100, 10, np.pi / 2), turned)  # along its width, which is upright
    assert not TRACKING.near(Region(109, 100, 100, 10, np.pi / 2), turned)


def test_near_knows_that_angles_wrap() -> None:
    assert TRACKING.near(Region(0, 0, 9, 9, np.pi - 0.1), Region(0, 0, 9, 9, -np.pi + 0.1))
    assert not TRACKING.near(Region(0, 0, 9, 9, 0.0), Region(0, 0, 9, 9, 0.3))


def test_near_refuses_another_size() -> None:
    assert TRACKING.near(Region(0, 0, 60, 60), HERE.__class__(0, 0, 50, 50))
    assert not TRACKING.near(Region(0, 0, 70, 70), Region(0, 0, 50, 50))


def test_points_that_left_the_fresh_region_end_the_following() -> None:
    assert TRACKING.holds(POINTS, HERE, HERE)
    assert not TRACKING.holds(POINTS + 15, HERE, HERE)


def test_the_first_frame_searches_and_the_next_ones_track() -> None:
    follower, find = _follower(), Finder()
    places = []
    for _ in range(2 * CHECK_EVERY):
        places.append(follower.region(HERE, find))
        follower.found(POINTS)
    assert places == [HERE] * len(places)
    assert find.calls == 3  # the first, and every CHECK_EVERY


def test_a_rough_region_that_jumps_is_checked_at_once() -> None:
    follower, find = _follower(), Finder()
    follower.region(HERE, find)
    follower.found(POINTS)
    find.place = there = Region(200, 100, 50, 50)
    assert follower.region(there, find) == there
    assert find.calls == 2


def test_a_part_that_is_not_there_is_looked_for_now_and_then() -> None:
    follower, find = _follower(), Finder(None)
    looked = []
    for _ in range(PATIENCE + 4 * SEARCH_EVERY):
        before = find.calls
        assert follower.region(HERE, find) is None
        looked.append(find.calls > before)
    assert all(looked[:PATIENCE])
    assert sum(looked[PATIENCE:]) == 4


def test_a_part_that_left_the_frame_is_not_followed_back_to_where_it_was() -> None:
    follower, find = _follower(), Finder()
    follower.region(HERE, find)
    follower.found(POINTS)
    follower.lost()
    follower.region(HERE, find)
    assert find.calls == 2


def test_reset_searches_again() -> None:
    follower, find = _follower(), Finder()
    follower.region(HERE, find)
    follower.found(POINTS)
    follower.reset()
    follower.region(HERE, find)
    assert find.calls == 2
