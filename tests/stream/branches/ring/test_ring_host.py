"""Row by row a ring says what its banded batch form says of the whole clip at once."""

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from msgspec import structs
from ring_streams import EQUAL, always, mixed, off, stream

from export.modules.traceable import MASKED as TRACED
from stream.branches.ring_memory import MASKED
from stream.bundle.manifest import Steps
from stream.records import Floats

pytestmark = pytest.mark.slow

Small = Any  # see conftest


@pytest.mark.parametrize("size", [1, 5, 25, None])
def test_stream_equals_banded_batch_through_warm_up_and_wraps(
    small: Small, clip: Any, size: int | None
) -> None:
    host = small.host()
    values, mask = clip(host.spec.capacity * 4 + 13)
    found = list(stream(host, values, mask, always(size) if size else mixed()))
    assert off(found, small.batch(values, mask)) <= EQUAL
    assert found[0][0] < host.spec.reach < len(mask[0])  # from the first rows on


def test_the_error_would_show(plain: Small, clip: Any) -> None:
    """One band that is a row too wide is far beyond what is allowed."""
    host = plain.host()
    host._memory._bands = host._memory._bands + 1
    values, mask = clip(200)
    assert off(list(stream(host, values, mask, always(5))), plain.batch(values, mask)) > 100 * EQUAL


@pytest.mark.parametrize("gap", [3, 24, 25, 26, 40, 90, 130])
def test_a_gap_is_missing_rows_and_nothing_else(small: Small, clip: Any, gap: int) -> None:
    values, mask = clip(150 + gap + 60)
    mask[:, 150 : 150 + gap] = False
    batch, host = small.batch(values, mask), small.host()
    list(stream(host, [v[:150] for v in values], mask[:, :150], mixed()))
    host.skip(gap)
    assert host.row == 150 + gap
    found = [(149 + gap, *host.read())]
    found += stream(host, values, mask, mixed(2), first=150 + gap)
    assert off(found, batch) <= EQUAL


def test_a_gap_longer_than_all_memory_is_free_and_a_new_beginning(small: Small, clip: Any) -> None:
    values, mask = clip(100)
    used, new = small.host(), small.host()
    list(stream(used, values, mask, always(25)))
    used.skip(10_000_000)
    assert not used.read()[1].any()
    for (_, a, _), (_, b, _) in zip(
        stream(used, values, mask, always(5)), stream(new, values, mask, always(5)), strict=True
    ):
        np.testing.assert_allclose(a, b, rtol=0, atol=2e-5)


def test_a_stream_that_is_missing_asks_what_it_remembers(plain: Small, clip: Any) -> None:
    """Its rows are read while a valid one lies in every band, and it is absent behind that."""
    values, mask = clip(160, share=1.0)
    mask[2, 60:] = False
    host = plain.host()
    present = [p[2] for _, _, p in stream(host, values, mask, always(1))]
    # The newest valid row is 59; the last row that hears it is read for as long as it is among those read.
    assert present.index(False) == 59 + min(host.spec.bands) + host.spec.readout - 1
    assert not any(present[present.index(False) :])


def test_nothing_older_than_the_reach_moves_anything_and_the_row_inside_does(small: Small, clip: Any) -> None:
    spec = small.steps.ring
    depends = spec.reach + spec.readout - 1
    values, mask = clip(depends + 40, share=1.0)
    newest = len(mask[0])
    # Within reach only the rows through which the oldest one can be heard at all are there, so it is loud.
    oldest = newest - depends
    mask[:, oldest:] = False
    mask[:, oldest + np.cumsum([0, max(spec.local - 1, 0), *(band - 1 for band in spec.bands)])] = True

    def read(changed: slice) -> Floats:
        other = [v.copy() for v in values]
        for v in other:
            v[changed] += 3.0
        *_, (_, mean, _) = stream(small.host(), other, mask, always(5))
        return mean

    same = read(slice(0, 0))
    np.testing.assert_array_equal(read(slice(0, oldest)), same)
    moved = np.abs(read(slice(oldest, oldest + 1)) - same).max(axis=1)
    assert (moved > 1e-4).all()  # of every stream


def test_two_interleaved_streams_do_not_know_of_each_other(small: Small, clip: Any) -> None:
    clips = [clip(300, seed=5), clip(300, seed=6)]
    alone = [list(stream(small.host(), *each, mixed(8))) for each in clips]
    hosts = [stream(small.host(), *each, mixed(8)) for each in clips]
    for i, together in enumerate(zip(*hosts, strict=True)):
        for n, (_, mean, _) in enumerate(together):
            assert mean.tobytes() == alone[n][i][1].tobytes()


def test_reset_makes_it_as_new(small: Small, clip: Any) -> None:
    used = small.host()
    list(stream(used, *clip(180, seed=2), mixed()))
    used.push([v[:3] for v in clip(3)[0]], clip(3)[1])  # some rows wait
    used.reset()
    values, mask = clip(130)
    for a, b in zip(
        stream(used, values, mask, mixed(4)), stream(small.host(), values, mask, mixed(4)), strict=True
    ):
        assert a[1].tobytes() == b[1].tobytes()


def test_a_snapshot_goes_on_bit_for_bit(small: Small, clip: Any) -> None:
    values, mask = clip(260)
    host, other = small.host(), small.host()
    list(stream(host, [v[:120] for v in values], mask[:, :120], mixed()))
    host.push([v[120:123] for v in values], mask[:, 120:123])
    kept = host.snapshot()
    rest = list(stream(host, values, mask, always(5), first=123))
    list(stream(other, *clip(77, seed=9), mixed()))  # whatever it held before
    other.restore(kept)
    assert other.row == 123
    for a, b in zip(rest, stream(other, values, mask, always(5), first=123), strict=True):
        assert a[1].tobytes() == b[1].tobytes()


def test_row_a_hundred_million_is_as_exact_as_row_nought(small: Small, clip: Any) -> None:
    values, mask = clip(140)
    late, early = small.host(), small.host()
    late.reset(100_000_000)
    found = list(stream(late, values, mask, always(5)))
    expected = list(stream(early, values, mask, always(5)))
    for (_, a, _), (_, b, _) in zip(found, expected, strict=True):
        assert np.linalg.norm(a - b) <= 2e-6 * np.linalg.norm(b)


def test_a_long_run_does_not_drift(plain: Small, clip: Any) -> None:
    """Five thousand rows later the numbers are those of a ring that saw only what still counts."""
    host, new = plain.host(), plain.host()
    depends = host.spec.reach + host.spec.readout
    values, mask = clip(5_000, share=0.9)
    host.push(values, mask)
    first = 5_000 - depends
    new.reset(first)
    new.push([v[first:] for v in values], mask[:, first:])
    np.testing.assert_allclose(host.read()[0], new.read()[0], rtol=0, atol=5e-6)


def test_after_a_forgetting_cut_only_what_came_since_counts(small: Small, clip: Any) -> None:
    values, mask = clip(120)
    cut, new = small.host(), small.host()
    list(stream(cut, *clip(70, seed=3), mixed()))
    cut.forget()
    assert not cut.read()[1].any()
    assert cut.row == 70
    new.reset(70)
    for a, b in zip(stream(cut, values, mask, mixed(4)), stream(new, values, mask, mixed(4)), strict=True):
        assert a[1].tobytes() == b[1].tobytes()


def test_a_fading_cut_moves_the_numbers_and_reads_only_what_came_since(plain: Small, clip: Any) -> None:
    values, mask = clip(80, share=1.0)

    def newest(fades: int | None) -> Floats:
        host = plain.host()
        host.push([v[:79] for v in values], mask[:, :79])
        if fades is None:
            host.forget()
        else:
            host.fade(fades)
        assert not host.read()[1].any()
        host.push([v[79:] for v in values], mask[:, 79:])
        return host.read()[0]

    kept, faded, gone = newest(0), newest(1), newest(None)
    assert np.abs(faded - kept).max() > 1e-3
    assert np.abs(faded - gone).max() > 1e-3
    np.testing.assert_allclose(newest(60), gone, rtol=0, atol=1e-6)  # by then it is nothing


def test_a_block_never_reaches_further_back_than_a_band(plain: Small, clip: Any) -> None:
    """With bands of 11 rows a hop of 25 is too long: its first rows would be seen by its last."""
    narrow = replace(plain, branch=copy.deepcopy(plain.branch), steps=narrowed(plain.steps, 11))
    for layer in narrow.branch.ring.layers:
        layer.band = 11
    narrow.branch.ring.bands = (11, 11, 11)
    values, mask = clip(120)
    assert off(list(stream(narrow.host(), values, mask, always(25))), narrow.batch(values, mask)) <= EQUAL


def narrowed(steps: Steps, band: int) -> Steps:
    return structs.replace(
        steps, ring=structs.replace(steps.ring, bands=(band,) * len(steps.ring.bands), receptive_field=None)
    )


def test_a_missing_row_weighs_what_it_weighs_in_training() -> None:
    assert MASKED == TRACED
