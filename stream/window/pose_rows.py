"""One row per tick: each keypoint group as branch input, its mask, and the points that offsets refer to."""

import numpy as np
from numpy.typing import NDArray

from stream.bundle.manifest import Window as WindowSpec
from stream.records import Floats, Mask, Portrait, Pose
from stream.skeleton import COUNT, GROUPS
from stream.window.mirrored_buffer import MirroredBuffer
from stream.window.offsets import features_of


class PoseRows:
    """Mirrored buffers of ``rows`` ticks. Which ticks they hold is the window's business."""

    def __init__(self, spec: WindowSpec, rows: int) -> None:
        self._offsets = spec.offsets
        self.groups = {
            name: MirroredBuffer(rows, (width,), np.float32) for name, width in spec.widths.items()
        }
        self.masks = {name: MirroredBuffer(rows, (), np.bool_) for name in GROUPS}
        self.present = MirroredBuffer(rows, (), np.bool_)
        self.scenes = MirroredBuffer(rows, (), np.int64)
        self._points = MirroredBuffer(rows, (COUNT, 2), np.float32)
        self._valid = MirroredBuffer(rows, (COUNT,), np.bool_)

    def reset(self) -> None:
        for buffer in (*self._cleared(), self.scenes, self._points):
            buffer.reset()

    def _cleared(self) -> tuple[MirroredBuffer, ...]:
        return (*self.groups.values(), *self.masks.values(), self.present, self._valid)

    def clear(self, first: int, last: int, scene: int) -> None:
        """Ticks first..last show nobody; both included."""
        if last < first:
            return
        for buffer in self._cleared():
            buffer.clear(first, last)
        for tick in range(max(first, last - self.scenes.rows + 1), last + 1):
            self.scenes.put(tick, scene)

    def write(self, tick: int, portrait: Portrait, pose: Pose, scene: int, oldest: int) -> bool:
        """A tick with a person. Offsets reach back to ticks ≥ ``oldest`` of the same scene.

        Points that are not finite count as invalid: one of them would otherwise stay in every sum over the
        window. Returns False, with nothing written, when no valid point is left.
        """
        box = np.array(portrait.box, np.float32)
        finite: Mask = np.asarray(np.isfinite(pose.points).all(axis=1))
        points, valid = pose.points, pose.valid
        if not finite.all():
            valid = valid & finite
            points = np.where(finite[:, None], points, np.float32(0))
        if not valid.any() or not np.isfinite(box).all():
            return False
        partners = [self._partner(tick - back, scene, oldest) for back in self._offsets]
        values, _ = features_of(box, points, valid, partners)
        for name, group in GROUPS.items():
            self.groups[name].put(tick, values[group].reshape(-1))
            self.masks[name].put(tick, valid[group].any())
        self.present.put(tick, True)
        self.scenes.put(tick, scene)
        self._points.put(tick, points)
        self._valid.put(tick, valid)
        return True

    def _partner(self, tick: int, scene: int, oldest: int) -> tuple[Floats, Mask] | None:
        if tick < oldest or not self.present.get(tick) or self.scenes.get(tick) != scene:
            return None
        return self._points.get(tick), self._valid.get(tick)

    def views(self, tick: int, n: int) -> tuple[list[Floats], Mask, NDArray[np.int64]]:
        """The ``n`` ticks up to ``tick``: views [n, width] of each group, bool [groups, n], scenes [n]."""
        mask = np.stack([buffer.view(tick, n) for buffer in self.masks.values()])
        return [buffer.view(tick, n) for buffer in self.groups.values()], mask, self.scenes.view(tick, n)
