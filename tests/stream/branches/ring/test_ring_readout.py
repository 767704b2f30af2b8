"""A pool over the whole window: running sums say what a sum over all of it says, forever."""

import itertools
from typing import Any

import numpy as np
import pytest
from ring_streams import EQUAL, always, mixed, off, stream

from stream.branches.ring_readout import Pooled

pytestmark = pytest.mark.slow

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


@pytest.mark.parametrize("size", [1, 5, 25, None])
def test_stream_equals_banded_batch(pooled: Any, clip: Any, size: int | None) -> None:
    host = pooled.host()
    values, mask = clip(host.spec.readout * 3 + 13)
    mask[:, 150:190] = False
    mask[1, 30:160] = False
    found = list(stream(host, values, mask, always(size) if size else mixed()))
    assert off(found, pooled.batch(values, mask)) <= EQUAL


def test_the_error_would_show(pooled: Any, clip: Any) -> None:
    """One row that stays too long is beyond what is allowed."""
    host = pooled.host()
    host._readout._n += 1
    host._readout.__init__(host._readout._n, len(host._memory.newest), 16, host._readout._rows.shape[2])
    values, mask = clip(200)
    assert off(list(stream(host, values, mask, always(5))), pooled.batch(values, mask)) > 100 * EQUAL


@pytest.mark.parametrize("gap", [3, 25, 96, 97, 98, 500])
def test_a_gap_is_missing_rows_and_nothing_else(pooled: Any, clip: Any, gap: int) -> None:
    values, mask = clip(150 + gap + 60)
    mask[:, 150 : 150 + gap] = False
    batch, host = pooled.batch(values, mask), pooled.host()
    list(stream(host, [v[:150] for v in values], mask[:, :150], mixed()))
    host.skip(gap)
    found = [(149 + gap, *host.read())]
    found += stream(host, values, mask, mixed(2), first=150 + gap)
    assert off(found, batch) <= EQUAL


def test_an_estimate_depends_on_exactly_the_receptive_field(pooled: Any, clip: Any) -> None:
    spec = pooled.steps.ring
    assert spec.receptive_field == spec.reach == 97 - 1 + sum(b - 1 for b in spec.bands) + 2 + 1
    values, mask = clip(spec.reach + 40, share=1.0)
    oldest = len(mask[0]) - spec.reach

    def said(moved: int) -> Any:
        changed = [v.copy() for v in values]
        for v in changed:
            v[moved] += 50
        return pooled.batch(changed, mask)[0][-1]

    plain = pooled.batch(values, mask)[0][-1]
    np.testing.assert_array_equal(said(oldest - 1), plain)
    assert np.abs(said(oldest) - plain).max() > 0


def test_a_snapshot_goes_on_where_it_was(pooled: Any, clip: Any) -> None:
    values, mask = clip(260)
    whole, first, second = pooled.host(), pooled.host(), pooled.host()
    expected = list(stream(whole, values, mask, always(5)))
    list(stream(first, [v[:130] for v in values], mask[:, :130], always(5)))
    second.restore(first.snapshot())
    again = list(stream(second, values, mask, always(5), first=130))
    for (_, a, _), (_, b, _) in zip(expected[26:], again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert second.memory_start == 260 - 97


def test_history_starts_with_the_window_or_after_it_was_forgotten(pooled: Any, clip: Any) -> None:
    values, mask = clip(300, share=1.0)
    host = pooled.host()
    pushed = itertools.pairwise([0, 60, 200])
    starts = []
    for first, last in pushed:
        host.push([v[first:last] for v in values], mask[:, first:last])
        starts.append(host.memory_start)
    assert starts == [0, 200 - 97]
    host.forget()
    host.push([v[200:230] for v in values], mask[:, 200:230])
    assert host.memory_start == 200


def test_after_a_cut_the_old_scene_weighs_a_quarter(pooled: Any, clip: Any) -> None:
    values, mask = clip(90, share=1.0)
    host, other = pooled.host(), pooled.host()
    for each in (host, other):
        each.push([v[:60] for v in values], mask[:, :60])
    before = host.read()[0]
    host.fade(1)
    np.testing.assert_allclose(host.read()[0], before, rtol=1e-6)  # alone it is all there is
    for each in (host, other):
        each.push([v[60:] for v in values], mask[:, 60:])
    faded, kept = host.read()[0], other.read()[0]
    other.forget()
    assert np.abs(faded - before).sum() > np.abs(kept - before).sum(), "nearer to what is new"
