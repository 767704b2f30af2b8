"""The host of one branch's ring: it keeps what earlier rows left behind, and runs the steps over new ones.

The caches are bound to the step graphs once and never move; a step's new keys and values are written over
rows that have left every band, on the CPU by NumPy, on a GPU where they are. So an update costs the same
however long the stream is.

S streams, h new rows (the hop), C cached rows, L layers, D width, n rows that are read.
Sources: see `export.modules.ring`, whose banded batch form gives the same numbers.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stream.branches.ring_memory import Remembered
from stream.branches.ring_readout import readout_of
from stream.bundle.manifest import Graph, Steps
from stream.inference import nvidia
from stream.inference.buffers import Place
from stream.inference.engine import PlacedEngine
from stream.records import Floats, Mask

Arrays = dict[str, NDArray[Any]]


class _Step:
    """One hop's graph with the places of its new rows, between caches that all hops share."""

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
    """One branch's stream of rows: ``push`` and ``skip`` take them, ``read`` says what they come to.

    Rows wait until a whole block of the largest hop is there, or until ``flush`` (which ``read``, ``fade``,
    ``forget`` and ``snapshot`` call); blocks are split greedily into the hops that there are. Row numbers
    count up by one.
    """

    def __init__(
        self, steps: Steps, locate: Callable[[str], Path], *, provider: str = "cpu", threads: int = 1
    ) -> None:
        """``locate`` says where a graph's file is. Every hop's graph is loaded here, so that no update waits
        for one."""
        self.spec = spec = steps.ring
        one = steps.graphs[1]
        shapes = {t.name: t.shape for t in (*one.inputs, *one.outputs)}
        names = [t.name for t in one.inputs]
        self.names = names[: names.index("mask")]
        streams, _, dim = shapes["rows"]
        device = "cpu" if provider == "cpu" else "cuda"
        self._device = device
        self._kept = {
            name: Place(np.zeros(shape, np.float32), device)
            for name, shape in shapes.items()
            if name == "tail" or name.startswith(("keys_", "values_"))
        }
        # Within a block every row sees all earlier ones, so a block must fit into the narrowest band.
        hops = sorted((hop for hop in steps.graphs if hop <= min(spec.bands)), reverse=True)
        self._steps = {
            hop: _Step(locate(steps.graphs[hop].file), steps.graphs[hop], self._kept, provider, threads)
            for hop in hops
        }
        self._size = hops[0]
        self._memory = Remembered(spec, streams, shapes["cos"][1])
        heads = shapes["scores"][2] if "scores" in shapes else 1
        self._readout = readout_of(spec, streams, dim, heads)
        self._row = 0  # number of the next row that is run
        self._waiting = 0  # rows that lie in the largest step's places
        self.reset()

    @property
    def row(self) -> int:
        """Number of the next row."""
        return self._row + self._waiting

    @property
    def nbytes(self) -> int:
        """Bytes of everything that is kept between two rows, and of the places of new ones."""
        places = [*self._kept.values(), *(p for step in self._steps.values() for p in step.own.values())]
        memory = self._memory
        readout = self._readout.arrays().values()
        arrays = [*(p.array for p in places), *readout, memory.numbers, memory.weights]
        return sum(array.nbytes for array in arrays)

    @property
    def begun(self) -> int:
        """Number of the oldest row that anything may be remembered of. Missing rows hand nothing on: where
        none is there for as long as the widest band, all of before is lost, however far the rings reach."""
        self.flush()
        oldest = self._readout.oldest(self._row)
        return self._memory.begun if oldest is None else oldest

    def reset(self, row: int = 0) -> None:
        """Forget everything; the next row is number ``row``."""
        for place in self._kept.values():
            place.array[...] = 0
            place.send()
        self._memory.forget()
        self._readout.forget(row)
        self._row, self._waiting = row, 0

    def push(self, values: Sequence[Floats], mask: Mask) -> None:
        """New rows of every stream, float32 [m, width] each, and bool [S, m]: which of them are there."""
        step, done, rows = self._steps[self._size], 0, mask.shape[1]
        while done < rows:
            take = min(rows - done, self._size - self._waiting)
            here, there = slice(self._waiting, self._waiting + take), slice(done, done + take)
            for name, new in zip(self.names, values, strict=True):
                step.own[name].array[here] = new[there]
            step.mask[:, here] = mask[:, there]
            self._waiting, done = self._waiting + take, done + take
            if self._waiting == self._size:
                self.flush()

    def skip(self, rows: int) -> None:
        """That many rows are missing: as if they were pushed with nothing in them, at a bounded cost."""
        # A missing row is seen by no other; among the newest that are read it still asks what is remembered.
        asking = self.spec.readout if self.spec.pool == "newest" else 0
        if rows > asking:
            self.flush()
            self._pass(rows - asking)
        rest = min(rows, asking)
        widths = [self._steps[1].own[name].array.shape[1] for name in self.names]
        nothing = [np.zeros((rest, width), np.float32) for width in widths]
        self.push(nothing, np.zeros((len(self._memory.newest), rest), np.bool_))

    def flush(self) -> None:
        """Run the rows that wait."""
        full, first = self._steps[self._size], 0
        while first < self._waiting:
            hop = self._hop(self._waiting - first)
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
        self._waiting = 0

    def _asks(self, row: int) -> bool:
        """Whether row ``row``, itself missing, is read all the same."""
        return self.spec.pool == "newest" and self._memory.hears(row)

    def _hop(self, rows: int) -> int:
        """The largest hop of ``rows`` rows that does not wrap."""
        room = self.spec.capacity - self._row % self.spec.capacity
        return next(hop for hop in self._steps if hop <= min(rows, room))

    def _pass(self, rows: int) -> None:
        """Rows that nobody will ask about."""
        if rows and "tail" in self._kept:
            tail = self._kept["tail"]
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
            nvidia.settle()
        if "tail" in self._kept:
            tail = self._kept["tail"]
            tail.array[...] = own["next_tail"].fetch()
            tail.send()
        heard = self._memory.write(row, step.mask)
        counts = heard if self.spec.pool == "newest" else step.mask
        scores = own["scores"].fetch() if "scores" in own else None
        self._readout.put(row, own["rows"].fetch(), scores, counts)
        self._row = row + hop

    def read(self) -> tuple[Floats, Mask]:
        """What is read of each stream's rows, float32 [S, D], and whether there is any, bool [S]."""
        self.flush()
        return self._readout.read()

    def fade(self, times: int = 1) -> None:
        """After a cut: what was before counts for less, and is not read any more."""
        self.flush()
        self._memory.fade(self._row, times)
        self._readout.fade(times)

    def forget(self) -> None:
        """After a cut: nothing of what was before is asked or read any more; rows count on."""
        self.flush()
        self.reset(self._row)

    def warm_up(self) -> None:
        """Run every step on whatever lies in its places; nothing is remembered."""
        for step in self._steps.values():
            step.run()

    def rehearse(self, rows: int) -> None:
        """Run the steps that ``rows`` new rows take; nothing is remembered."""
        while rows > 0:
            hop = next(hop for hop in self._steps if hop <= rows)
            step = self._steps[hop]
            self._memory.bias(self._row, step.own["bias"].array)
            step.run()
            rows -= hop

    def snapshot(self) -> Arrays:
        """Everything that the next row depends on, as arrays of its own."""
        self.flush()
        memory = self._memory
        kept = {name: place.fetch().copy() for name, place in self._kept.items()}
        return kept | {
            "row": np.array(self._row),
            "numbers": memory.numbers.copy(),
            "weights": memory.weights.copy(),
            "newest": memory.newest.copy(),
            "since": np.array([memory.begun, memory.faded]),
            **{name: array.copy() for name, array in self._readout.arrays().items()},
        }

    def check(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Raises ValueError for what is no snapshot of a host of the same steps."""
        for name, mine in self.snapshot().items():
            if name not in arrays:
                raise ValueError(f"no {name}")
            theirs = arrays[name]
            if (theirs.shape, theirs.dtype) != (mine.shape, mine.dtype):
                raise ValueError(f"{name} {theirs.dtype}{list(theirs.shape)}")
            if not np.isfinite(theirs).all():
                raise ValueError(f"{name} with what is no number")

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go on from a snapshot of a host of the same steps. Raises ValueError for another, and stays as it
        was."""
        self.check(arrays)
        memory = self._memory
        for name, place in self._kept.items():
            place.array[...] = arrays[name]
            place.send()
        memory.numbers[...], memory.weights[...] = arrays["numbers"], arrays["weights"]
        memory.newest[...] = arrays["newest"]
        memory.begun, memory.faded = arrays["since"].tolist()
        for name, array in self._readout.arrays().items():
            array[...] = arrays[name]
        self._row, self._waiting = int(arrays["row"]), 0
