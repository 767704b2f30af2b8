"""The ring mode that ships, where there is no torch: the same numbers however its ticks arrive."""

import numpy as np
import pytest

from stream import contract
from stream.temporal import modes
from stream.temporal.ring import RingHost

ROWS = 310  # more than the largest hop, and not a multiple of it


@pytest.fixture(scope="module")
def bundle() -> contract.Bundle:
    return contract.load(contract.demo_bundle())


def host(bundle: contract.Bundle, branch: str = "keypoints") -> RingHost:
    return RingHost(bundle.manifest.modes["ring"].steps[branch], bundle.path)


def rows(bundle: contract.Bundle) -> tuple[list[np.ndarray], np.ndarray]:
    rng = np.random.default_rng(3)
    widths = bundle.manifest.window.widths.values()
    values = [rng.normal(0, 0.3, (ROWS, width)).astype(np.float32) for width in widths]
    return values, rng.random((len(values), ROWS)) < 0.9


def said(ring: RingHost, values: list[np.ndarray], mask: np.ndarray, at_a_time: int) -> np.ndarray:
    for first in range(0, ROWS, at_a_time):
        part = slice(first, first + at_a_time)
        ring.push([v[part] for v in values], mask[:, part])
        if at_a_time < 25:
            ring.flush()
    mean, present = ring.read()
    assert present.all()
    return mean


def test_the_demo_ships_both_modes_and_takes_the_ring(bundle: contract.Bundle) -> None:
    assert set(bundle.manifest.modes) == {"full", "ring"}
    assert modes.chosen(bundle) == "ring"
    assert sum(entry.size for entry in bundle.manifest.files.values()) <= 15e6
    steps = bundle.manifest.modes["ring"].steps
    assert {name: step.ring.reach for name, step in steps.items()} == {"keypoints": 4000, "image": 800}


def test_it_says_the_same_however_its_rows_arrive(bundle: contract.Bundle) -> None:
    values, mask = rows(bundle)
    once = said(host(bundle), values, mask, ROWS)
    for at_a_time in (1, 7, 25):
        found = said(host(bundle), values, mask, at_a_time)
        assert np.linalg.norm(found - once) <= 1e-5 * np.linalg.norm(once), at_a_time


def test_a_snapshot_goes_on_where_it_was_taken(bundle: contract.Bundle) -> None:
    values, mask = rows(bundle)
    whole = said(host(bundle), values, mask, ROWS)
    first, second = host(bundle), host(bundle)
    first.push([v[:150] for v in values], mask[:, :150])
    second.restore(first.snapshot())
    second.push([v[150:] for v in values], mask[:, 150:])
    found, _ = second.read()
    assert np.linalg.norm(found - whole) <= 1e-5 * np.linalg.norm(whole)


def test_two_streams_do_not_touch(bundle: contract.Bundle) -> None:
    values, mask = rows(bundle)
    alone = said(host(bundle), values, mask, ROWS)
    one, other = host(bundle), host(bundle)
    for first in range(0, ROWS, 25):
        part = slice(first, first + 25)
        one.push([v[part] for v in values], mask[:, part])
        other.push([-v[part] for v in values], mask[:, part])
    assert np.linalg.norm(one.read()[0] - alone) <= 1e-5 * np.linalg.norm(alone)
