"""A ring host fed row by row, and how far what it reads lies from its banded batch form."""

from collections.abc import Iterator

import numpy as np

from stream.branches.ring_host import RingHost
from stream.records import Floats, Mask

EQUAL = 1e-5  # relative


def stream(
    host: RingHost, values: list[Floats], mask: Mask, sizes: Iterator[int], first: int = 0
) -> Iterator[tuple[int, Floats, Mask]]:
    """Push the rows from ``first`` on; after each push what is read, with the number of its newest row."""
    done, rows = first, mask.shape[1]
    while done < rows:
        n = min(next(sizes), rows - done)
        host.push([v[done : done + n] for v in values], mask[:, done : done + n])
        done += n
        yield (done - 1, *host.read())


def always(n: int) -> Iterator[int]:
    while True:
        yield n


def mixed(seed: int = 1) -> Iterator[int]:
    rng = np.random.default_rng(seed)
    while True:
        yield int(rng.choice([1, 2, 5, 7, 25, 31, 60]))


def off(found: list[tuple[int, Floats, Mask]], batch: tuple[Floats, Mask]) -> float:
    """Largest relative error of any stream's row that was read; what is there must agree exactly."""
    rows = [row for row, _, _ in found]
    mean, present = batch[0][rows], batch[1][rows]
    np.testing.assert_array_equal(np.array([p for _, _, p in found]), present)
    difference = (np.array([m for _, m, _ in found]) - mean)[present]
    return float((np.linalg.norm(difference, axis=-1) / np.linalg.norm(mean[present], axis=-1)).max())
