"""Both clocks of each tick, for as many ticks as there are rows."""

from stream.window.tick_times import TickTimes


def test_the_two_clocks_never_mix_and_keep_their_precision() -> None:
    times = TickTimes(4)
    times.put(1, 86_400.04, 1.7e9 + 0.001)
    assert times.get(1) == (86_400.04, 1.7e9 + 0.001)


def test_the_newest_rows_are_kept_and_older_ones_written_over() -> None:
    times = TickTimes(4)
    for tick in range(6):
        times.put(tick, tick / 25, 100 + tick)
    assert [times.get(tick) for tick in range(2, 6)] == [(tick / 25, 100 + tick) for tick in range(2, 6)]
    assert times.get(0) == times.get(4)
