"""What is left out under load, decided by buffers alone."""

import pytest

from stream.runtime.shedding import CALM, FULL, LOOKS_DOWN, LOOKS_UP, ORDER, Buffers, Gauge, Load, look

NOTHING = Buffers()


def after(load: Load, *buffers: Buffers) -> Load:
    for each in buffers:
        load = look(load, each)
    return load


@pytest.mark.parametrize(
    ("before", "buffers", "level"),
    [
        (0, [NOTHING] * 50, 0),
        (0, [FULL] * (LOOKS_UP - 1), 0),
        (0, [FULL] * LOOKS_UP, 1),
        (0, [FULL] * (2 * LOOKS_UP), 2),
        (0, [FULL] * (10 * LOOKS_UP), 4),
        (0, [Buffers(frames=FULL.frames)] * LOOKS_UP, 1),
        (0, [Buffers(portraits=FULL.portraits)] * LOOKS_UP, 1),
        (0, [Buffers(hops=FULL.hops)] * LOOKS_UP, 1),
        (0, [Buffers(hops=FULL.hops - 0.1)] * 50, 0),
        (0, [FULL, FULL, NOTHING] * 20, 0),
        (2, [CALM] * (LOOKS_DOWN - 1), 2),
        (2, [CALM] * LOOKS_DOWN, 1),
        (2, [NOTHING] * (2 * LOOKS_DOWN), 0),
        (2, [Buffers(frames=CALM.frames + 1)] * 50, 2),
        (2, [*[NOTHING] * (LOOKS_DOWN - 1), FULL, *[NOTHING] * (LOOKS_DOWN - 1)], 2),
        (4, [NOTHING] * (4 * LOOKS_DOWN), 0),
    ],
)
def test_the_level(before: int, buffers: list[Buffers], level: int) -> None:
    assert after(Load(before), *buffers).level == level


def test_the_order_is_what_the_reason_says() -> None:
    assert Load().reason is None
    assert Load(1).reason == "the machine does not keep up: without every second image feature"
    for level in range(1, len(ORDER) + 1):
        reason = Load(level).reason
        assert reason is not None
        assert [name for name in ORDER if name in reason] == list(ORDER[:level])


@pytest.mark.parametrize(
    ("source", "skipped", "ticks", "observed", "level"),
    [
        ("25 fps, all seen", 0, 25, 25, 0),
        ("25 fps, half of them skipped", 13, 25, 12, 1),
        ("12 fps, all seen", 0, 25, 12, 0),
        ("240 fps, most skipped, every tick seen", 200, 25, 25, 0),
        ("1 fps", 0, 25, 1, 0),
    ],
)
def test_only_ticks_that_frames_were_skipped_for_count(
    source: str, skipped: int, ticks: int, observed: int, level: int
) -> None:
    gauge = Gauge()
    for second in range(1, LOOKS_UP + 1):
        gauge.look(second * skipped, second * ticks - 1, second * observed, portraits=0, hops=0.0)
    assert gauge.load.level == level, source
