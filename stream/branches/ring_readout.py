"""The readout of a ring branch: the mean of the newest rows, or a pool over the whole window.

S streams, n rows that are read, h new rows, D width, H heads of D / H. Row t is in place t mod n.
"""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from stream.branches.ring_memory import FADED
from stream.bundle.manifest import RingSpec
from stream.records import Floats, Mask

Sums = NDArray[np.float64]
Arrays = dict[str, NDArray[Any]]


class Readout(Protocol):
    """Keeps rows until they leave the window. Row numbers increase by one, skipped rows included."""

    def put(self, row: int, rows: Floats, scores: Floats | None, counts: Mask) -> None:
        """Add the rows from ``row`` on: float32 [S, h, D], their ``scores`` [S, h, H] for an attention pool,
        and which of them count, bool [S, h]."""

    def skip(self, row: int, rows: int) -> None:
        """``rows`` rows from ``row`` on are missing."""

    def fade(self, times: int) -> None:
        """After ``times`` cuts, reduce the weight of earlier rows, or drop them."""

    def forget(self, row: int) -> None:
        """Drop all rows; the next row is ``row``."""

    def read(self) -> tuple[Floats, Mask]:
        """Each stream's pooled rows, float32 [S, D], and whether there are any, bool [S]."""

    def oldest(self, row: int) -> int | None:
        """Number of the oldest row that is read before row ``row``; None if the caches reach further back."""

    def arrays(self) -> Arrays:
        """All state that later reads depend on, not copied; a snapshot copies and restores it in place."""


def readout_of(spec: RingSpec, streams: int, dim: int, heads: int) -> Readout:
    """The readout of a ring's specification."""
    if spec.pool == "newest":
        return Newest(spec.readout, streams, dim)
    return Pooled(spec.readout, streams, dim, heads)


class Newest:
    """Mean of the newest ``n`` rows, summed in float64 at every read."""

    def __init__(self, n: int, streams: int, dim: int) -> None:
        self._n = n
        self._rows: Sums = np.zeros((streams, n, dim))
        self._counts: Mask = np.zeros((streams, n), np.bool_)

    def put(self, row: int, rows: Floats, scores: Floats | None, counts: Mask) -> None:
        hop = rows.shape[1]
        keep = min(hop, self._n)
        places = np.arange(row + hop - keep, row + hop) % self._n
        self._rows[:, places] = rows[:, hop - keep :]
        self._counts[:, places] = counts[:, hop - keep :]

    def skip(self, row: int, rows: int) -> None:
        self._counts[:, np.arange(row, row + min(rows, self._n)) % self._n] = False

    def fade(self, times: int) -> None:
        """Drop earlier rows; the layers still attend to them, with less weight."""
        self._counts[...] = False

    def forget(self, row: int) -> None:
        self._rows[...] = 0
        self._counts[...] = False

    def read(self) -> tuple[Floats, Mask]:
        count = self._counts.sum(axis=1)
        total = np.matmul(self._counts[:, None].astype(np.float64), self._rows)[:, 0]
        return (total / np.maximum(count, 1)[:, None]).astype(np.float32), count > 0

    def oldest(self, row: int) -> int | None:
        return None

    def arrays(self) -> Arrays:
        return {"read": self._rows, "counts": self._counts}


class Pooled:
    """Weighted mean over the whole window from running sums, with a constant cost per update.

    A row's weight is exp(score) in an attention pool, else 1; after a cut it may be scaled. Each row is
    stored with its weight and subtracted with that weight when it leaves the window. A second pair of sums
    starts empty at place 0 and only grows; after one window it holds exactly the window and replaces the
    first pair, so that rounding errors accumulate for at most one window.
    """

    def __init__(self, n: int, streams: int, dim: int, heads: int) -> None:
        self._n = n
        self._first = np.zeros(1, np.int64)  # number of the first row since all was forgotten
        self._rows: Floats = np.zeros((streams, n, heads, dim // heads), np.float32)
        self._weights: Sums = np.zeros((streams, n, heads))
        self._total: Sums = np.zeros((2, streams, heads, dim // heads))  # of weight · row: running, growing
        self._weight: Sums = np.zeros((2, streams, heads))
        self._count: NDArray[np.int64] = np.zeros(streams, np.int64)  # rows that count

    def put(self, row: int, rows: Floats, scores: Floats | None, counts: Mask) -> None:
        hop, done = rows.shape[1], 0
        streams, _, heads, width = self._rows.shape
        while done < hop:
            place = (row + done) % self._n
            part = slice(done, done + min(hop - done, self._n - place))
            here = slice(place, place + part.stop - part.start)
            self._leave(here)
            new = rows[:, part].reshape(streams, -1, heads, width)
            weights = np.repeat(counts[:, part, None], heads, axis=2).astype(np.float64)
            if scores is not None:
                weights *= np.exp(scores[:, part].astype(np.float64))
            self._rows[:, here], self._weights[:, here] = new, weights
            self._total += np.einsum("shk,shkw->skw", weights, new)
            self._weight += weights.sum(axis=1)
            self._count += counts[:, part].sum(axis=1)
            done = part.stop
            self._come_round(here.stop)

    def skip(self, row: int, rows: int) -> None:
        if rows >= self._n:
            self._clear()
            return
        done = 0
        while done < rows:
            place = (row + done) % self._n
            here = slice(place, place + min(rows - done, self._n - place))
            self._leave(here)
            done += here.stop - here.start
            self._come_round(here.stop)

    def _leave(self, here: slice) -> None:
        """Subtract the rows in these places."""
        weights = self._weights[:, here]
        self._count -= (weights > 0).any(axis=2).sum(axis=1)
        self._total[0] -= np.einsum("shk,shkw->skw", weights, self._rows[:, here])
        self._weight[0] -= weights.sum(axis=1)
        self._weights[:, here] = 0

    def _come_round(self, place: int) -> None:
        if place == self._n:
            self._total[0], self._weight[0] = self._total[1], self._weight[1]
            self._total[1] = self._weight[1] = 0

    def fade(self, times: int) -> None:
        factor = np.exp(FADED * times)
        for sums in (self._weights, self._total, self._weight):
            sums *= factor

    def forget(self, row: int) -> None:
        self._clear()
        self._first[0] = row

    def _clear(self) -> None:
        for sums in (self._rows, self._weights, self._total, self._weight, self._count):
            sums[...] = 0

    def read(self) -> tuple[Floats, Mask]:
        present: Mask = (self._count > 0) & (self._weight[0] > 0).all(axis=1)
        weight = np.where(present[:, None], self._weight[0], 1.0)
        mean = np.where(present[:, None, None], self._total[0], 0.0) / weight[..., None]
        return mean.reshape(len(mean), -1).astype(np.float32), present

    def oldest(self, row: int) -> int | None:
        return max(int(self._first[0]), row - self._n)

    def arrays(self) -> Arrays:
        return {
            "pool_rows": self._rows,
            "pool_weights": self._weights,
            "pool_total": self._total,
            "pool_weight": self._weight,
            "pool_count": self._count,
            "pool_first": self._first,
        }
