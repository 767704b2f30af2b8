"""Ticks follow media time: faster and slower sources, clocks that run back, frames out of order."""

import pytest

from stream.window.grid import Grid


@pytest.mark.parametrize("fps", [24, 25, 30000 / 1001, 50, 60])
def test_ticks_follow_time_not_frames(fps: float) -> None:
    grid = Grid(25.0)
    taken: dict[int, float] = {}
    duplicates = 0
    for index in range(round(fps * 8)):
        pts = 3.2 + index / fps
        tick = grid.claim(pts)
        if tick is None:
            duplicates += 1
            continue
        assert tick not in taken
        assert abs(tick / 25 - (pts - 3.2)) <= 0.02 + 1e-6
        taken[tick] = pts
    assert list(taken) == sorted(taken)
    assert max(taken) == pytest.approx(8 * 25, abs=2)
    assert grid.late == duplicates
    if fps <= 25:
        assert duplicates == 0
    else:
        assert set(range(max(taken))) <= set(taken), "a faster source leaves no tick open"


def test_half_ticks_are_even_at_50_fps() -> None:
    grid = Grid(25.0)
    ticks = [t for i in range(2000) if (t := grid.claim(i / 50)) is not None]
    assert ticks == list(range(len(ticks)))
    assert len(ticks) == 1001


def test_time_goes_on_after_the_clock_ran_back() -> None:
    grid = Grid(25.0)
    assert [grid.claim(i / 25) for i in range(100)] == list(range(100))
    assert grid.claim(0.0) == 100
    assert grid.claim(0.04) == 101
    assert grid.claim(0.03, discontinuity=True) == 102


def test_a_frame_slightly_out_of_order_claims_nothing() -> None:
    grid = Grid(25.0)
    assert grid.claim(1.0) == 0
    assert grid.claim(1.2) == 5
    assert grid.claim(1.16) is None
    assert grid.late == 1
