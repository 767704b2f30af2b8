"""Numbers and weights of cached rows: who is heard, who has faded, whom nobody asks about any more."""

import numpy as np
import pytest

from stream.branches.ring_memory import FADED, MASKED, NEVER, RowTable
from stream.bundle.manifest import RingSpec


def test_after_a_fading_cut_what_was_before_weighs_a_quarter_per_cut() -> None:
    spec = RingSpec(bands=(9, 9), capacity=10, readout=2, local=0, step_s=0.04, periods_s=(0.4, 640.0))
    memory = RowTable(spec, 2, 4)
    memory.write(0, np.array([[True, True], [True, False]]))
    memory.fade(2, 1)
    memory.write(2, np.array([[True], [True]]))
    memory.fade(3, 2)
    out = np.empty((2, 2, 1, 10), np.float32)
    memory.bias(3, out)
    assert np.exp(out[0, 0, 0, :3]) == pytest.approx([0.25**3, 0.25**3, 0.25**2])
    assert out[1, 1, 0, 0] == pytest.approx(3 * FADED)
    assert (out[:, 1, 0, 1] <= MASKED).all()  # was not there
    assert (out[..., 3:] <= MASKED).all()  # never written


SPEC = RingSpec(bands=(4, 6), capacity=8, readout=2, local=0, step_s=0.04, periods_s=(0.4, 640.0))


def written(memory: RowTable, row: int, *mask: bool) -> list[bool]:
    """Which of a stream's rows from ``row`` on are heard."""
    return memory.write(row, np.array([mask]))[0].tolist()


def seen(memory: RowTable, row: int, layer: int) -> list[int]:
    """Numbers of the cached rows that row ``row`` sees in a layer."""
    out = np.empty((2, 1, 1, SPEC.capacity), np.float32)
    memory.bias(row, out)
    return sorted(memory.numbers[out[layer, 0, 0] > MASKED / 2].tolist())


def test_each_layer_sees_its_band_and_no_row_that_was_missing() -> None:
    memory = RowTable(SPEC, 1, 4)
    written(memory, 0, True, True, False, True, True, True)
    assert seen(memory, 6, layer=0) == [3, 4, 5]  # a band of 4 with its own row
    assert seen(memory, 6, layer=1) == [1, 3, 4, 5]


def test_rows_are_written_over_and_older_ones_gone() -> None:
    memory = RowTable(SPEC, 1, 4)
    for row in range(20):
        written(memory, row, True)
    assert sorted(memory.numbers.tolist()) == list(range(12, 20))
    assert seen(memory, 20, layer=1) == [15, 16, 17, 18, 19]


def test_a_row_is_heard_while_a_valid_one_lies_in_the_nearest_band() -> None:
    memory = RowTable(SPEC, 1, 4)
    assert written(memory, 0, False, True, False, False, False, False) == [
        False,
        True,
        True,
        True,
        True,
        False,
    ]
    assert not memory.counts(5)
    assert memory.counts(4)


def test_a_gap_of_the_widest_band_begins_again() -> None:
    memory = RowTable(SPEC, 1, 4)
    written(memory, 0, True)
    assert memory.start == 0
    written(memory, 5, True)
    assert memory.start == 0, "a band of 6 still reaches it"
    written(memory, 11, True)
    assert memory.start == 11


def test_after_a_fading_cut_nothing_of_before_is_heard_alone() -> None:
    memory = RowTable(SPEC, 1, 4)
    written(memory, 0, True, True)
    memory.fade(2, 1)
    assert not memory.counts(2)
    assert written(memory, 2, False, True) == [False, True]


def test_forgetting_leaves_as_new() -> None:
    memory, new = (RowTable(SPEC, 1, 4) for _ in range(2))
    written(memory, 0, True, True)
    memory.fade(2, 1)
    memory.forget()
    for name in ("numbers", "weights", "newest"):
        np.testing.assert_array_equal(getattr(memory, name), getattr(new, name))
    assert (memory.start, memory.faded) == (NEVER, NEVER)
    assert seen(memory, 2, layer=1) == []


def test_phases_turn_between_the_shortest_and_the_longest_period() -> None:
    memory = RowTable(SPEC, 1, 4)
    cos, sin = (np.empty((2, 4), np.float32) for _ in range(2))
    memory.phases(10, cos, sin)  # 0.4 s: a whole turn of the shortest period
    np.testing.assert_allclose(cos[0], (1, np.cos(2 * np.pi * 0.4 / 640)) * 2, atol=1e-6)
    np.testing.assert_allclose(cos**2 + sin**2, 1, atol=1e-6)
    np.testing.assert_allclose(sin[1, 0], np.sin(2 * np.pi * 0.1), atol=1e-6)
