"""The host of one branch's ring: keeps the caches of earlier rows and runs the steps over new ones.

The caches are bound to the step graphs once and never move; a step's new keys and values overwrite rows that
have left every band, on the CPU by NumPy, on a GPU on the device. So an update costs the same for a stream of
any length.

S streams, h new rows (the hop), C cached rows, L layers, D width, n rows that are read.
Sources: see `export.modules.ring`, whose banded batch form gives the same numbers.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stream.branches.ring_memory import RowTable
from stream.branches.ring_readout import readout_of
from stream.bundle.manifest import Graph, Steps
from stream.inference import nvidia
from stream.inference.buffers import Place
from stream.inference.engine import PlacedEngine
from stream.records import Floats, Mask

Arrays = dict[str, NDArray[Any]]


class _Step:
    """One hop's graph with its own buffers for new rows, and the caches that all hops share."""

    def __init__(
        self, path: Path, graph: Graph, shared: Mapping[str, Place], provider: str, threads: int
    ) -> None:
        device = "cpu" if provider == "cpu" else "cuda"
        own = {
            t.name: Place(np.zeros(t.shape, t.dtype), device)
            for t in (*graph.inputs, *graph.outputs)
            if t.name not in shared
        }
        self.run = PlacedEngine(path, graph, {**shared, **own}, provider=provider, threads=threads)
        self.own = own
        self.sent = [own[t.name] for t in graph.inputs if t.name in own]
        self.written = [(shared[name.removeprefix("new_")], own[name], 3 if "keys" in name else 2)
                        for name in own if name.startswith("new_")]  # fmt: skip
        self.mask: Mask = own["mask"].array


class RingHost:
    """One branch's stream of rows: ``push`` and ``skip`` add rows, ``read`` gives the readout.

    Rows are buffered until a block of the largest hop is full, or until ``flush`` (which ``read``, ``fade``,
    ``forget`` and ``snapshot`` call); blocks are split greedily into the available hops. Row numbers increase
    by one.
    """

    def __init__(
        self, steps: Steps, locate: Callable[[str], Path], *, provider: str = "cpu", threads: int = 1
    ) -> None:
        """``locate`` gives the path of a graph's file. Every hop's graph is loaded here, so that no update
        waits for loading."""
        self.spec = spec = steps.ring
        one = steps.graphs[1]
        shapes = {t.name: t.shape for t in (*one.inputs, *one.outputs)}
        names = [t.name for t in one.inputs]
        self.names = names[: names.index("mask")]
        streams, _, dim = shapes["rows"]
        device = "cpu" if provider == "cpu" else "cuda"
        self._device = device
        self._caches = {
            name: Place(np.zeros(shape, np.float32), device)
            for name, shape in shapes.items()
            if name == "tail" or name.startswith(("keys_", "values_"))
        }
        # In a block every row attends to all earlier ones, so a block must fit into the narrowest band.
        hops = sorted((hop for hop in steps.graphs if hop <= min(spec.bands)), reverse=True)
        self._steps = {
            hop: _Step(locate(steps.graphs[hop].file), steps.graphs[hop], self._caches, provider, threads)
            for hop in hops
        }
        self._size = hops[0]
        self._memory = RowTable(spec, streams, shapes["cos"][1])
        heads = shapes["scores"][2] if "scores" in shapes else 1
        self._readout = readout_of(spec, streams, dim, heads)
        self._row = 0  # number of the next row to run
        self._pending = 0  # rows buffered in the largest step's inputs
        self.reset()

    @property
    def row(self) -> int:
        """Number of the next row."""
        return self._row + self._pending

    @property
    def nbytes(self) -> int:
        """Bytes of all state between two rows, and of the buffers for new ones."""
        places = [*self._caches.values(), *(p for step in self._steps.values() for p in step.own.values())]
        memory = self._memory
        readout = self._readout.arrays().values()
        arrays = [*(p.array for p in places), *readout, memory.numbers, memory.weights]
        return sum(array.nbytes for array in arrays)

    @property
    def memory_start(self) -> int:
        """Number of the oldest row in memory. Missing rows pass nothing on: after a gap as long as the widest
        band, all memory of earlier rows is lost, however far the layers together reach."""
        self.flush()
        oldest = self._readout.oldest(self._row)
        return self._memory.start if oldest is None else oldest

    def reset(self, row: int = 0) -> None:
        """Forget everything; the next row is number ``row``."""
        for place in self._caches.values():
            place.array[...] = 0
            place.send()
        self._memory.forget()
        self._readout.forget(row)
        self._row, self._pending = row, 0

    def push(self, values: Sequence[Floats], mask: Mask) -> None:
        """Add rows of every stream, float32 [m, width] each; bool [S, m]: which of them are valid."""
        step, done, rows = self._steps[self._size], 0, mask.shape[1]
        while done < rows:
            take = min(rows - done, self._size - self._pending)
            into, part = slice(self._pending, self._pending + take), slice(done, done + take)
            for name, new in zip(self.names, values, strict=True):
                step.own[name].array[into] = new[part]
            step.mask[:, into] = mask[:, part]
            self._pending, done = self._pending + take, done + take
            if self._pending == self._size:
                self.flush()

    def skip(self, rows: int) -> None:
        """Add ``rows`` missing rows, with the same result as pushing invalid ones, at a bounded cost."""
        # No row attends to a missing one, but its own query is in the readout while it is among the newest.
        queried = self.spec.readout if self.spec.pool == "newest" else 0
        if rows > queried:
            self.flush()
            self._pass(rows - queried)
        rest = min(rows, queried)
        widths = [self._steps[1].own[name].array.shape[1] for name in self.names]
        nothing = [np.zeros((rest, width), np.float32) for width in widths]
        self.push(nothing, np.zeros((len(self._memory.newest), rest), np.bool_))

    def flush(self) -> None:
        """Run the buffered rows."""
        full, first = self._steps[self._size], 0
        while first < self._pending:
            hop = self._hop(self._pending - first)
            step, here = self._steps[hop], slice(first, first + hop)
            if not full.mask[:, here].any() and not self._asks(self._row):
                self._pass(hop)
            else:
                if step is not full:
                    for name in self.names:
                        step.own[name].array[...] = full.own[name].array[here]
                    step.mask[...] = full.mask[:, here]
                self._run(step, hop)
            first += hop
        self._pending = 0

    def _asks(self, row: int) -> bool:
        """Whether row ``row``, itself missing, is part of the readout."""
        return self.spec.pool == "newest" and self._memory.counts(row)

    def _hop(self, rows: int) -> int:
        """The largest hop within ``rows`` rows that does not wrap around the cache."""
        room = self.spec.capacity - self._row % self.spec.capacity
        return next(hop for hop in self._steps if hop <= min(rows, room))

    def _pass(self, rows: int) -> None:
        """Skip rows that no readout will include."""
        if rows and "tail" in self._caches:
            tail = self._caches["tail"]
            keep = max(tail.array.shape[1] - rows, 0)
            tail.array[:, :keep] = tail.array[:, tail.array.shape[1] - keep :].copy()
            tail.array[:, keep:] = 0
            tail.send()
        self._readout.skip(self._row, rows)
        self._row += rows

    def _run(self, step: _Step, hop: int) -> None:
        own, row = step.own, self._row
        self._memory.phases(row, own["cos"].array, own["sin"].array)
        self._memory.bias(row, own["bias"].array)
        for place in step.sent:
            place.send()
        step.run()
        for cache, new, axis in step.written:
            cache.put(new, row % self.spec.capacity, axis)
        if self._device != "cpu":
            nvidia.synchronize()
        if "tail" in self._caches:
            tail = self._caches["tail"]
            tail.array[...] = own["next_tail"].fetch()
            tail.send()
        reached = self._memory.write(row, step.mask)
        counts = reached if self.spec.pool == "newest" else step.mask
        scores = own["scores"].fetch() if "scores" in own else None
        self._readout.put(row, own["rows"].fetch(), scores, counts)
        self._row = row + hop

    def read(self) -> tuple[Floats, Mask]:
        """The readout of each stream's rows, float32 [S, D], and whether there is any, bool [S]."""
        self.flush()
        return self._readout.read()

    def fade(self, times: int = 1) -> None:
        """After a cut: reduce the weight of earlier rows and drop them from the readout."""
        self.flush()
        self._memory.fade(self._row, times)
        self._readout.fade(times)

    def forget(self) -> None:
        """After a cut: drop all earlier rows; row numbers continue."""
        self.flush()
        self.reset(self._row)

    def warm_up(self) -> None:
        """Run every step on the current content of its buffers; the state does not change."""
        for step in self._steps.values():
            step.run()

    def rehearse(self, rows: int) -> None:
        """Run the steps that ``rows`` new rows need; the state does not change."""
        while rows > 0:
            hop = next(hop for hop in self._steps if hop <= rows)
            step = self._steps[hop]
            self._memory.bias(self._row, step.own["bias"].array)
            step.run()
            rows -= hop

    def snapshot(self) -> Arrays:
        """Copies of all state that the next row depends on."""
        self.flush()
        memory = self._memory
        caches = {name: place.fetch().copy() for name, place in self._caches.items()}
        return caches | {
            "row": np.array(self._row),
            "numbers": memory.numbers.copy(),
            "weights": memory.weights.copy(),
            "newest": memory.newest.copy(),
            "since": np.array([memory.start, memory.faded]),
            **{name: array.copy() for name, array in self._readout.arrays().items()},
        }

    def check(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Raises ValueError for arrays that are no snapshot of a host of the same steps."""
        for name, mine in self.snapshot().items():
            if name not in arrays:
                raise ValueError(f"no {name}")
            theirs = arrays[name]
            if (theirs.shape, theirs.dtype) != (mine.shape, mine.dtype):
                raise ValueError(f"{name} {theirs.dtype}{list(theirs.shape)}")
            if not np.isfinite(theirs).all():
                raise ValueError(f"{name} with what is no number")

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Continue from a snapshot of a host of the same steps. Raises ValueError for another, without
        changing the state."""
        self.check(arrays)
        memory = self._memory
        for name, place in self._caches.items():
            place.array[...] = arrays[name]
            place.send()
        memory.numbers[...], memory.weights[...] = arrays["numbers"], arrays["weights"]
        memory.newest[...] = arrays["newest"]
        memory.start, memory.faded = arrays["since"].tolist()
        for name, array in self._readout.arrays().items():
            array[...] = arrays[name]
        self._row, self._pending = int(arrays["row"]), 0
