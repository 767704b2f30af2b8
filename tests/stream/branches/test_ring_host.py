"""The rings that ship, where there is no torch: the same numbers however their rows arrive."""

import numpy as np

from stream.branches.ring_host import RingHost
from stream.bundle.load import Bundle

ROWS = 310  # more than the largest hop, and not a multiple of it


def host(bundle: Bundle, branch: str = "keypoints") -> RingHost:
    return RingHost(bundle.manifest.modes["ring"].steps[branch], bundle.path)


def rows(bundle: Bundle, count: int = ROWS) -> tuple[list[np.ndarray], np.ndarray]:
    rng = np.random.default_rng(3)
    widths = bundle.manifest.window.widths.values()
    values = [rng.normal(0, 0.3, (count, width)).astype(np.float32) for width in widths]
    return values, rng.random((len(values), count)) < 0.9


def said(ring: RingHost, values: list[np.ndarray], mask: np.ndarray, at_a_time: int) -> np.ndarray:
    for first in range(0, mask.shape[1], at_a_time):
        part = slice(first, first + at_a_time)
        ring.push([v[part] for v in values], mask[:, part])
        if at_a_time < 25:
            ring.flush()
    mean, present = ring.read()
    assert present.all()
    return mean


def test_it_says_the_same_however_its_rows_arrive(bundle: Bundle) -> None:
    values, mask = rows(bundle)
    once = said(host(bundle), values, mask, ROWS)
    for at_a_time in (1, 7, 25):
        found = said(host(bundle), values, mask, at_a_time)
        assert np.linalg.norm(found - once) <= 1e-5 * np.linalg.norm(once), at_a_time


def test_it_says_the_same_after_its_caches_were_written_over_four_times(bundle: Bundle) -> None:
    values, mask = rows(bundle, 4 * 1350 + 110)
    mask[:, 2000:2900] = False
    by_25, by_5 = (said(host(bundle), values, mask, n) for n in (25, 5))
    assert np.linalg.norm(by_5 - by_25) <= 1e-5 * np.linalg.norm(by_25)


def test_a_snapshot_goes_on_where_it_was_taken(bundle: Bundle) -> None:
    values, mask = rows(bundle)
    whole = said(host(bundle), values, mask, ROWS)
    first, second = host(bundle), host(bundle)
    first.push([v[:150] for v in values], mask[:, :150])
    second.restore(first.snapshot())
    second.push([v[150:] for v in values], mask[:, 150:])
    found, _ = second.read()
    assert np.linalg.norm(found - whole) <= 1e-5 * np.linalg.norm(whole)


def test_two_streams_do_not_touch(bundle: Bundle) -> None:
    values, mask = rows(bundle)
    alone = said(host(bundle), values, mask, ROWS)
    one, other = host(bundle), host(bundle)
    for first in range(0, ROWS, 25):
        part = slice(first, first + 25)
        one.push([v[part] for v in values], mask[:, part])
        other.push([-v[part] for v in values], mask[:, part])
    assert np.linalg.norm(one.read()[0] - alone) <= 1e-5 * np.linalg.norm(alone)
