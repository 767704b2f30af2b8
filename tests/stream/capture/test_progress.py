"""Stalls are counted once each; too long a wait is said; a decoder that works is never too slow."""

from stream.capture.progress import STALL_S, Progress


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_one_wait_is_one_stall_and_then_too_long() -> None:
    clock = Clock()
    progress = Progress(10.0, clock)
    progress.moved()
    seen = []
    for second in range(12):
        clock.now = 100.0 + second
        seen.append((progress.too_long(0), progress.stalls))
    assert [stalls for _, stalls in seen] == [0] * (int(STALL_S) + 1) + [1] * (11 - int(STALL_S))
    assert [late for late, _ in seen] == [False] * 11 + [True], "10 s is not yet too long"


def test_each_wait_is_counted_by_itself() -> None:
    clock = Clock()
    progress = Progress(10.0, clock)
    for _ in range(3):
        progress.moved()
        clock.now += STALL_S + 0.1
        assert not progress.too_long(0)
        assert not progress.too_long(0)
    assert progress.stalls == 3


def test_a_decoder_that_counts_on_without_a_picture_is_no_stall() -> None:
    """On the way from a key frame to a moment, or through packets that are damaged."""
    clock = Clock()
    progress = Progress(1.0, clock)
    progress.moved()
    for count in range(1, 100):
        clock.now += 30.0
        assert not progress.too_long(count)
    assert progress.stalls == 0
    clock.now += 1.1
    assert progress.too_long(99)
