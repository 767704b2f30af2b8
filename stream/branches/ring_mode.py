"""Ring mode: causal Transformers with caches, so that the cost of an update only depends on its new ticks.

``follow`` processes each tick of the window once; ``vectors`` gives the branches' current vectors.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from stream.branches import snapshots
from stream.branches.full_mode import FullMode, Runner
from stream.branches.ring_host import RingHost
from stream.branches.text import Pieces
from stream.bundle.load import Bundle
from stream.errors import UsageError
from stream.records import Floats
from stream.window.window import Window, WindowView

TICKS = 250  # processed at a time: fewer than the fast lane may write meanwhile


class RingMode:
    """The rings of a bundle's ``ring`` mode, their readouts and the fusion. One stream, one thread."""

    def __init__(
        self,
        bundle: Bundle,
        *,
        on_cut: Literal["keep", "decay", "reset"] = "keep",
        provider: str = "cpu",
        threads: int = 1,
        runners: Mapping[str, Runner] | None = None,
    ) -> None:
        """``on_cut``: whether history before a cut is kept, decayed or reset.

        ``runners``, by branch and ``fusion``, replace the graphs but not the steps.
        """
        self._bundle, self._on_cut = bundle, on_cut
        self._whole = FullMode(bundle, provider=provider, threads=threads, runners=runners, name="ring")
        self.mode, self.engines = self._whole.mode, self._whole.engines
        self.rings = {
            name: RingHost(steps, bundle.path, provider=provider, threads=threads)
            for name, steps in self.mode.steps.items()
        }
        self._stride = bundle.manifest.window.stride
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next window may start at any tick."""
        for ring in self.rings.values():
            ring.reset()
        self.tick, self._slot = -1, -1  # newest processed tick and slot
        self._scenes = dict.fromkeys(self.rings, -1)  # of the newest row; -1: none yet
        self._missed = -1  # newest tick that was overwritten before it was processed

    # -- processing ticks ----------------------------------------------------------------------------

    def follow(self, window: Window, tick: int) -> None:
        """Process the ticks ≤ ``tick`` that were not processed yet, and the image slots that they complete.

        Raises ValueError if ``tick`` decreases, since processed ticks cannot be undone.
        """
        if tick < self.tick:
            raise ValueError(f"ticks must not go back: expected {self.tick} or more, found {tick}")
        if self.tick < 0:
            self.tick, self._slot = window.first - 1, window.slot_of(window.first) - 1
        if "keypoints" in self.rings:
            self._follow_poses(window, tick)
        if "image" in self.rings:
            self._follow_features(window, window.settled(tick))
        self.tick = tick
        for name in self.rings:
            self._cut(name, window.scene(tick))

    def _follow_poses(self, window: Window, tick: int) -> None:
        ring, taken = self.rings["keypoints"], self.tick
        while taken < tick:
            oldest = min(window.oldest, tick + 1)
            if oldest > taken + 1:
                self._missed = max(self._missed, oldest - 1 if oldest - 1 > window.void else -1)
                ring.skip(oldest - taken - 1)
                taken = oldest - 1
                continue
            last = min(taken + TICKS, tick)
            values, mask, scenes = window.rows_of(taken + 1, last)
            for part, scene in self._parts(scenes):
                self._cut("keypoints", scene)
                if mask[:, part].any():
                    ring.push([v[part] for v in values], mask[:, part])
                else:
                    ring.skip(part.stop - part.start)
            taken = last

    def _follow_features(self, window: Window, slot: int) -> None:
        ring = self.rings["image"]
        if window.oldest_slot > self._slot + 1:
            ring.skip(window.oldest_slot - self._slot - 1)
            self._slot = window.oldest_slot - 1
            gone = window.oldest_slot * self._stride - 1
            self._missed = max(self._missed, gone if gone > window.void else -1)
        if slot <= self._slot:
            return
        features, mask, scenes = window.slots_of(self._slot + 1, slot)
        for part, scene in self._parts(np.maximum.accumulate(scenes)):
            self._cut("image", scene)
            if mask[part].any():
                ring.push([features[part]], mask[None, part])
            else:
                ring.skip(part.stop - part.start)
        self._slot = slot

    def _parts(self, scenes: NDArray[np.int64]) -> Iterator[tuple[slice, int]]:
        """Slices of rows of one scene; a single slice if cuts do not matter."""
        ends = [] if self._on_cut == "keep" else (np.flatnonzero(np.diff(scenes)) + 1).tolist()
        for first, last in zip([0, *ends], [*ends, len(scenes)], strict=True):
            yield slice(first, last), int(scenes[first])

    def _cut(self, name: str, scene: int) -> None:
        """Apply the policy for cuts if ``scene``, that of a ring's next row, is a new one."""
        before = self._scenes[name]
        if scene <= before:
            return
        self._scenes[name] = scene
        if before >= 0 and self._on_cut == "reset":
            self.rings[name].forget()
        elif before >= 0 and self._on_cut == "decay":
            self.rings[name].fade(scene - before)

    def memory_start(self) -> int:
        """The oldest tick in memory, among those followed so far."""
        if "keypoints" in self.rings:
            ring = self.rings["keypoints"]
            return self.tick + 1 - (ring.row - ring.memory_start)
        if "image" in self.rings:
            ring = self.rings["image"]
            return (self._slot + 1 - (ring.row - ring.memory_start)) * self._stride
        return 0

    def has_missed(self, since: int) -> bool:
        """Whether any tick after ``since`` was overwritten before it was processed."""
        return self._missed > max(since, -1)

    # -- estimates -----------------------------------------------------------------------------------

    def vectors(self, view: WindowView, text: Floats | None = None) -> dict[str, Floats]:
        """The vector, float32 [1, E], of every branch with input; ``text`` is the text branch's."""
        if view.tick != self.tick:
            raise ValueError(f"expected a view of tick {self.tick}, which was followed, found {view.tick}")
        vectors = self._whole.vectors(view, text)
        for name, ring in self.rings.items():
            mean, present = ring.read()
            if present.any():
                (vectors[name],) = self.engines[name](rows=mean, present=present)
        return vectors

    def text(self, pieces: Pieces) -> Floats:
        """The text branch's vector, float32 [1, E]; computed once per description."""
        return self._whole.text(pieces)

    def fuse(self, vectors: dict[str, Floats]) -> float:
        """The fused logit of win; branches without a vector are replaced by their absent vectors."""
        return self._whole.fuse(vectors)

    def warm_up(self) -> None:
        """Run every graph of a live estimate; the state does not change."""
        self._whole.warm_up()
        for ring in self.rings.values():
            ring.warm_up()

    def rehearse(self) -> None:
        """Run the graphs of an update with the mode's own hop; the state does not change."""
        self._whole.warm_up()
        for name, ring in self.rings.items():
            ring.rehearse(-(-self.mode.hop // self._stride) if name == "image" else self.mode.hop)

    # -- snapshots -----------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """All state that later ticks depend on, except the window, which keeps 24 ticks of points."""
        state = np.array([self.tick, self._slot, self._missed])
        arrays = {f"{n}.{k}": v for n, ring in self.rings.items() for k, v in ring.snapshot().items()}
        return {"state": state, **arrays}

    def restore(self, arrays: Mapping[str, NDArray[Any]], *, same_ticks: bool = False) -> None:
        """Continue from a snapshot of the same bundle, at the first tick of the next window.

        With ``same_ticks`` that window has the same tick numbers as the previous one, and the next tick to be
        processed is the one after the snapshot. Raises ValueError for other arrays, without changing the
        state.
        """
        parts = {
            name: {k.removeprefix(f"{name}."): v for k, v in arrays.items() if k.startswith(f"{name}.")}
            for name in self.rings
        }
        state = arrays.get("state", np.zeros(0))
        if state.shape != (3,) or state.dtype != np.int64:
            raise ValueError(f"state {state.dtype}{list(state.shape)}")
        for name, ring in self.rings.items():
            ring.check(parts[name])
        for name, ring in self.rings.items():
            ring.restore(parts[name])
        self.tick, self._slot, self._missed = state.tolist() if same_ticks else (-1, -1, -1)
        self._scenes = dict.fromkeys(self.rings, -1)  # the next window counts its cuts from its own start

    def save(self, path: Path) -> None:
        """Write a snapshot to a file, atomically."""
        snapshots.save(path, self._bundle, self.snapshot())

    def load(self, path: Path, *, same_ticks: bool = False) -> None:
        """Continue from a file. Raises UsageError for a file that is no snapshot or of another bundle,
        without changing the state."""
        arrays = snapshots.load(path, self._bundle)
        try:
            self.restore(arrays, same_ticks=same_ticks)
        except ValueError as error:
            raise UsageError(
                f"{path}: expected a whole snapshot of a ring, found one that lacks or has other arrays "
                f"({error}); start without it."
            ) from error
