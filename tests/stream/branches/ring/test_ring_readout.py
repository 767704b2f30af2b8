"""A ring that pools the whole window against its banded batch form."""

import itertools
from typing import Any

import numpy as np
import pytest
from ring_streams import EQUAL, always, mixed, off, stream

pytestmark = pytest.mark.slow


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
