"""The media clock: late pictures, other clocks, missing stamps, and a live source against the wall clock."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.capture.decoding.media_clock import MediaClock

SIZE = (96, 160)


def test_a_smooth_clock_stays_in_one_epoch() -> None:
    clock = MediaClock(25.0)
    assert [clock.push(i / 25, SIZE) for i in range(5)] == [(i / 25, 0) for i in range(5)]


@pytest.mark.parametrize(
    ("pts", "size", "jumps"),
    [
        (1.04, SIZE, 0),
        (1.0, SIZE, 0),
        (3.0, SIZE, 0),
        (3.01, SIZE, 1),
        (0.96, SIZE, 0),
        (0.0, SIZE, 0),
        (-0.01, SIZE, 1),
        (1.04, (48, 80), 1),
    ],
)
def test_jumps(pts: float, size: tuple[int, int], jumps: int) -> None:
    clock = MediaClock(25.0)
    clock.push(1.0, SIZE)
    assert clock.push(pts, size) == (pts, jumps)
    assert clock.push(max(pts, 1.0 if jumps == 0 else pts) + 0.04, size)[1] == jumps


def test_missing_times_come_from_the_rate() -> None:
    clock = MediaClock(50.0)
    assert [clock.push(None, SIZE)[0] for _ in range(3)] == pytest.approx([0.0, 0.02, 0.04])
    assert clock.push(5.0, SIZE) == (5.0, 1)
    assert clock.push(None, SIZE) == (5.02, 1)


@pytest.mark.parametrize("missing", [math.nan, math.inf, -math.inf])
def test_a_stamp_that_is_no_number_is_missing(missing: float) -> None:
    clock = MediaClock(25.0)
    clock.push(1.0, SIZE)
    assert clock.push(missing, SIZE) == (pytest.approx(1.04), 0)


def test_a_late_picture_keeps_its_time_and_the_next_one_is_smooth() -> None:
    clock = MediaClock(25.0)
    stamps = [0.0, 0.04, 0.08, 0.075, 0.16, 0.2]
    assert [clock.push(pts, SIZE) for pts in stamps] == [(pts, 0) for pts in stamps]


@pytest.mark.parametrize("leap", [3600.0, -3600.0, 40.0])
def test_a_live_clock_that_leaps_while_no_time_passed_goes_on_where_it_stood(leap: float) -> None:
    clock = MediaClock(25.0, live=True)
    for i in range(10):
        clock.push(7200.0 + i / 25, SIZE, 100.0 + i / 25)
    pts, epoch = clock.push(7200.0 + 10 / 25 + leap, SIZE, 100.0 + 10 / 25)
    assert (pts, epoch) == (pytest.approx(7200.4), 1)
    pts, epoch = clock.push(7200.0 + 11 / 25 + leap, SIZE, 100.0 + 11 / 25)
    assert (pts, epoch) == (pytest.approx(7200.44), 1)


def test_a_live_gap_that_the_wall_clock_shows_as_well_is_a_gap() -> None:
    clock = MediaClock(25.0, live=True)
    clock.push(10.0, SIZE, 100.0)
    assert clock.push(17.0, SIZE, 107.1) == (17.0, 1)


def test_a_file_keeps_its_leaps() -> None:
    """There is no other clock to hold them against."""
    clock = MediaClock(25.0)
    clock.push(0.0, SIZE, 100.0)
    assert clock.push(3600.0, SIZE, 100.0) == (3600.0, 1)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60), st.booleans())
def test_epochs_only_grow_and_times_are_numbers(stamps: list[float], live: bool) -> None:
    clock, before = MediaClock(25.0, live=live), 0
    newest = -math.inf
    for i, pts in enumerate(stamps):
        time, epoch = clock.push(pts, SIZE, i / 25)
        assert math.isfinite(time)
        assert epoch in (before, before + 1)
        if epoch == before:
            assert time >= newest - 1.0 - 1e-6
            newest = max(newest, time)
        else:
            newest = time
        before = epoch
