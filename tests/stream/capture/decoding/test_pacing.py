import pytest

from stream.capture.decoding.media_clock import Pacer


def test_a_file_keeps_its_schedule_however_late_it_is() -> None:
    pacer = Pacer("media", 25.0)
    assert pacer.due(10.0, 0, 100.0) == 100.0
    assert pacer.due(10.04, 0, 100.001) == pytest.approx(100.04)
    assert pacer.due(10.08, 0, 250.0) == pytest.approx(100.08)


def test_a_jump_goes_on_one_picture_later() -> None:
    pacer = Pacer("media", 25.0)
    pacer.due(10.0, 0, 100.0)
    assert pacer.due(500.0, 1, 100.0) == pytest.approx(100.04)
    assert pacer.due(0.0, 2, 100.0) == pytest.approx(100.08)


def test_a_playlist_that_stalled_starts_a_new_schedule() -> None:
    pacer = Pacer("network", 25.0)
    pacer.due(0.0, 0, 100.0)
    assert pacer.due(1.0, 0, 100.2) == pytest.approx(101.0)  # a burst is spread out
    assert pacer.due(1.04, 0, 107.0) == 107.0
    assert pacer.due(1.08, 0, 107.0) == pytest.approx(107.04)


def test_arrival_is_the_time_of_a_camera() -> None:
    pacer = Pacer("arrival", 25.0)
    assert [pacer.due(pts, 0, at) for pts, at in ((0, 5.0), (9, 5.1))] == [5.0, 5.1]


def test_late_pictures_are_skipped_but_not_all() -> None:
    pacer = Pacer("media", 25.0)
    assert not pacer.late(100.0, 100.4)
    assert pacer.late(100.0, 100.6)
    assert not pacer.late(100.1, 100.95)  # nothing shown for half a second
    assert pacer.late(100.2, 101.0)
    assert not Pacer("network", 25.0).late(0.0, 100.0)
