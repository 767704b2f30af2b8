"""A pool over the whole window: running sums say what a sum over all of it says, forever."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from stream.branches.ring_readout import Newest, Pooled, readout_of

N, STREAMS, HEADS, WIDTH = 50, 3, 2, 4


class Slow:
    """The same pool, summed over everything at each read; every row keeps the number of cuts since."""

    def __init__(self) -> None:
        self.rows: dict[int, tuple[Any, Any, Any, int]] = {}

    def put(self, row: int, rows: Any, scores: Any, counts: Any) -> None:
        for i in range(rows.shape[1]):
            self.rows[row + i] = (rows[:, i], scores[:, i], counts[:, i], 0)

    def fade(self, times: int) -> None:
        self.rows = {n: (*kept[:3], kept[3] + times) for n, kept in self.rows.items()}

    def read(self, newest: int) -> tuple[Any, Any]:
        total = np.zeros((STREAMS, HEADS, WIDTH))
        weight = np.zeros((STREAMS, HEADS))
        for number, (row, score, counts, cuts) in self.rows.items():
            if number > newest - N:
                each = counts[:, None] * np.exp(score.astype(np.float64)) * 0.25**cuts
                total += each[..., None] * row.reshape(STREAMS, HEADS, WIDTH)
                weight += each
        present = weight[:, 0] > 0
        mean = total / np.where(present[:, None], weight, 1)[..., None]
        return mean.reshape(STREAMS, -1), present


def some(rng: np.random.Generator, hop: int, share: float = 0.7) -> tuple[Any, Any, Any]:
    rows = rng.normal(0, 5, (STREAMS, hop, HEADS * WIDTH)).astype(np.float32)
    scores = rng.uniform(-4, 4, (STREAMS, hop, HEADS)).astype(np.float32)
    return rows, scores, rng.random((STREAMS, hop)) < share


@pytest.mark.parametrize("seed", range(20))
def test_any_course_of_rows_gaps_and_cuts_gives_the_sum_over_the_window(seed: int) -> None:
    rng = np.random.default_rng(seed)
    pool, slow, row = Pooled(N, STREAMS, HEADS * WIDTH, HEADS), Slow(), int(rng.integers(0, 1000))
    pool.forget(row)
    for _ in range(120):
        what = rng.random()
        if what < 0.7:
            new = some(rng, int(rng.choice([1, 5, 25])))
            pool.put(row, *new)
            slow.put(row, *new)
            row += new[0].shape[1]
        elif what < 0.9:
            gap = int(rng.choice([1, 7, 49, 50, 51, 400]))
            pool.skip(row, gap)
            row += gap
        elif what < 0.96:
            pool.fade(2)
            slow.fade(2)
        else:
            pool.forget(row)
            slow.rows.clear()
        mean, present = pool.read()
        true, there = slow.read(row - 1)
        np.testing.assert_array_equal(present, there)
        np.testing.assert_allclose(mean, true, rtol=1e-5, atol=1e-5)


def test_rounding_does_not_add_up() -> None:
    """A value ten million times larger passes through the window now and then and leaves nothing behind."""
    pool, rng = Pooled(N, 1, HEADS * WIDTH, HEADS), np.random.default_rng(0)
    for row in range(40 * N):
        new = rng.normal(0, 1, (1, 1, HEADS * WIDTH)).astype(np.float32)
        if row % (3 * N) == 0:
            new *= 1e7
        pool.put(row, new, None, np.ones((1, 1), np.bool_))
        if row % (3 * N) == 2 * N:
            window = pool.arrays()["pool_rows"][0].astype(np.float64).mean(axis=0).ravel()
            np.testing.assert_allclose(pool.read()[0][0], window, rtol=0, atol=1e-7)


def test_an_empty_window_is_absent_and_exactly_nothing() -> None:
    pool, rng = Pooled(N, STREAMS, HEADS * WIDTH, HEADS), np.random.default_rng(0)
    pool.put(0, *some(rng, 25, share=1.0))
    assert pool.read()[1].all()
    pool.skip(25, N)
    mean, present = pool.read()
    assert not present.any()
    assert not mean.any()


@pytest.mark.parametrize(("pool", "kind"), [("newest", Newest), ("mean", Pooled), ("attention", Pooled)])
def test_the_readout_is_what_the_specification_asks_for(pool: Any, kind: type) -> None:
    spec: Any = SimpleNamespace(pool=pool, readout=7)
    assert isinstance(readout_of(spec, STREAMS, HEADS * WIDTH, HEADS), kind)


def test_the_newest_rows_that_count_are_averaged_and_older_ones_gone() -> None:
    newest = Newest(3, 1, 2)
    for row in range(5):
        counts = np.array([[row != 3]])
        newest.put(row, np.full((1, 1, 2), row, np.float32), None, counts)
    mean, present = newest.read()
    assert present.all()
    np.testing.assert_array_equal(mean, ((3, 3),))  # of 2 and 4
    newest.skip(5, 2)
    np.testing.assert_array_equal(newest.read()[0], ((4, 4),))
    newest.skip(7, 100)
    assert not newest.read()[1].any()
    assert newest.oldest(107) is None


def test_after_a_cut_the_newest_rows_are_not_read_alone() -> None:
    newest = Newest(3, 1, 2)
    newest.put(0, np.ones((1, 2, 2), np.float32), None, np.ones((1, 2), np.bool_))
    newest.fade(1)
    assert not newest.read()[1].any()
