"""One slot per image feature, every ``stride`` ticks."""

import numpy as np
from numpy.typing import NDArray

from stream.records import Floats, Mask
from stream.window.mirrored_buffer import MirroredBuffer


class FeatureSlots:
    """Mirrored buffers of ``rows`` slots: features float32 [D], whether there is one, and its scene."""

    def __init__(self, rows: int, dim: int) -> None:
        self.rows = rows
        self.newest = -1  # newest slot opened
        self._values = MirroredBuffer(rows, (dim,), np.float32)
        self._mask = MirroredBuffer(rows, (), np.bool_)
        self._scenes = MirroredBuffer(rows, (), np.int64)

    def reset(self) -> None:
        for buffer in (self._values, self._mask, self._scenes):
            buffer.reset()
        self.newest = -1

    def open(self, slot: int) -> None:
        """Slots up to ``slot`` are gaps until a feature comes."""
        if slot > self.newest:
            for buffer in (self._values, self._mask, self._scenes):
                buffer.clear(self.newest + 1, slot)
            self.newest = slot

    def put(self, slot: int, feature: Floats | None, scene: int) -> None:
        """Write one slot; the first feature keeps it, None leaves it open, skipped slots are gaps.

        A feature that is not finite counts as none. Raises ValueError when slots go back.
        """
        if slot < self.newest:
            raise ValueError(f"feature slots must not go back: expected {self.newest} or more, found {slot}")
        self.open(slot)
        if feature is None or self._mask.get(slot) or not np.isfinite(feature).all():
            return
        self._values.put(slot, feature)
        self._mask.put(slot, True)
        self._scenes.put(slot, scene)

    def has(self, slot: int) -> bool:
        """Whether a slot has its feature."""
        return bool(self._mask.get(slot))

    def views(self, slot: int, n: int) -> tuple[Floats, Mask, NDArray[np.int64]]:
        """The ``n`` slots up to ``slot``: features [n, D], mask [n], scenes [n]; views."""
        return self._values.view(slot, n), self._mask.view(slot, n), self._scenes.view(slot, n)
