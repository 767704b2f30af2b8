"""Poses, features and masks of the last 160 s.

A reserve of extra rows lets the slow lane read ticks ≤ T while the fast lane goes on writing.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stream.bundle.manifest import Window as WindowSpec
from stream.records import Floats, Mask, Portrait, Pose, WindowFigures
from stream.window.feature_slots import FeatureSlots
from stream.window.pose_rows import PoseRows

RESERVE_S = 20.0  # how far the fast lane may run ahead of a read before the read is void


@dataclass(frozen=True, slots=True, eq=False)
class WindowView:
    """What one estimate reads; arrays are views into the buffers, oldest tick first."""

    tick: int
    groups: dict[str, Floats]  # float32 [poses, points·8] per group
    masks: dict[str, Mask]  # bool [poses] per group
    features: Floats  # float32 [features, D]
    feature_mask: Mask  # bool [features]
    figures: WindowFigures


class Window:
    """Poses and features of the last ``spec.poses`` ticks.

    ``push`` is the fast lane's, ``put_feature`` and ``read`` are the slow lane's; they meet only in rows
    that neither overwrites while the other uses them (``intact`` tells).
    """

    def __init__(self, spec: WindowSpec, feature_dim: int = 0) -> None:
        self.spec = spec
        self.reserve = math.ceil(RESERVE_S * spec.rate)
        self.rows = spec.poses + self.reserve
        slots = max(spec.features, -(-spec.poses // spec.stride)) + -(-self.reserve // spec.stride)
        self._poses = PoseRows(spec, self.rows)
        self._features = FeatureSlots(slots, feature_dim)
        self._start()

    def _start(self) -> None:
        self.newest = -1
        self.first = 0  # oldest tick ever pushed
        self.void = -1  # newest tick before a gap so long that nothing older is left
        self._writing = -1  # the tick that is being written: rows up to it are no longer safe to read
        self._scene = 0  # of the newest tick

    def reset(self) -> None:
        """Forget everything; the next push may be any tick."""
        self._poses.reset()
        self._features.reset()
        self._start()

    def push(self, tick: int, portrait: Portrait | None, pose: Pose | None, scene: int = 0) -> None:
        """Write one tick of a scene; ticks skipped since the last one are gaps. ``tick`` must increase."""
        if tick <= self.newest:
            raise ValueError(f"ticks must increase: expected more than {self.newest}, found {tick}")
        self._writing = tick
        if self.newest < 0:
            self.first = tick
        else:
            self._poses.clear(self.newest + 1, tick - 1, self._scene)
            if tick - self.newest >= self.rows:
                self.void = tick - 1
        self._scene = scene
        if portrait is None or pose is None or not self._poses.write(tick, portrait, pose, scene, self.first):
            self._poses.clear(tick, tick, scene)
        self.newest = tick

    def slot_of(self, tick: int) -> int:
        """Feature slot of a tick."""
        return tick // self.spec.stride

    def put_feature(self, slot: int, feature: Floats | None, tick: int | None = None) -> None:
        """Write one feature slot; the first feature keeps it, None leaves it open, skipped slots are gaps.

        ``tick`` is the feature's own (default: the slot's first): it decides which scene it belongs to.
        """
        self._features.put(slot, feature, self.scene(slot * self.spec.stride if tick is None else tick))

    def read(self, tick: int, *, since_cut: bool = False, since: int = 0) -> WindowView:
        """Everything that ticks ≤ ``tick`` hold; unseen ticks are zeros and masked.

        With ``since_cut`` earlier scenes are masked too and do not count in the figures; nor do ticks before
        ``since``.
        """
        spec = self.spec
        newest_slot = self.slot_of(tick)
        self._features.open(newest_slot)
        groups, mask, scenes = self._poses.views(tick, spec.poses)
        features, feature_mask, feature_scenes = self._features.views(newest_slot, spec.features)
        if since_cut:
            now = self.scene(tick)
            mask = mask & (scenes == now)
            feature_mask = feature_mask & (feature_scenes == now)
        return WindowView(
            tick=tick,
            groups=dict(zip(self._poses.groups, groups, strict=True)),
            masks=dict(zip(self._poses.masks, mask, strict=True)),
            features=features,
            feature_mask=feature_mask,
            figures=self.figures(tick, since_cut=since_cut, since=since),
        )

    # -- row by row --------------------------------------------------------------------------------

    @property
    def oldest(self) -> int:
        """Oldest tick whose row can be read while the fast lane goes on for half its reserve."""
        return max(self.first, self.newest - self.rows + 1 + self.reserve // 2)

    def scene(self, tick: int) -> int:
        """The scene of a tick that is still here."""
        return int(self._poses.scenes.get(tick))

    def rows_of(self, first: int, last: int) -> tuple[list[Floats], Mask, NDArray[np.int64]]:
        """Ticks first..last: views [n, width] of each group, bool [groups, n], and the scenes [n]."""
        return self._poses.views(last, last - first + 1)

    def settled(self, tick: int) -> int:
        """Newest slot that ticks after ``tick`` cannot change: it has its feature, or is past."""
        slot = self.slot_of(tick)
        self._features.open(slot)
        past = (slot + 1) * self.spec.stride - 1 <= tick
        return slot if past or self._features.has(slot) else slot - 1

    def slots_of(self, first: int, last: int) -> tuple[Floats, Mask, NDArray[np.int64]]:
        """Slots first..last: a view [n, D], bool [n], and scenes [n]: the feature's own, or that of the
        last tick of a slot without one."""
        features, mask, scenes = self._features.views(last, last - first + 1)
        ends = ((slot + 1) * self.spec.stride - 1 for slot in range(first, last + 1))
        own = [self.scene(min(max(end, self.newest - self.rows + 1), self.newest)) for end in ends]
        return features, mask, np.where(mask, scenes, own)

    @property
    def oldest_slot(self) -> int:
        """Oldest slot that is still there."""
        return max(self.slot_of(self.first), self._features.newest - self._features.rows + 1)

    # -- figures -----------------------------------------------------------------------------------

    def intact(self, tick: int) -> bool:
        """Whether rows read for ``tick`` have not been overwritten since, nor are being overwritten now."""
        return max(self.newest, self._writing) - tick <= self.reserve

    def seen(self, tick: int, ticks: int) -> bool:
        """Whether any of the ``ticks`` ticks up to ``tick`` shows a person."""
        return bool(self._poses.present.view(tick, min(ticks, self.spec.poses)).any())

    def figures(self, tick: int, *, since_cut: bool = False, since: int = 0) -> WindowFigures:
        """Fill, coverage, largest gap and valid seconds of the window that ends at ``tick``.

        With ``since_cut`` it begins with the present scene, and never before tick ``since``.
        """
        spec = self.spec
        if self.newest < 0:
            return WindowFigures(0.0, 0.0, 0.0, 0.0, 0.0)
        filled = min(tick - max(self.first, min(since, tick)) + 1, spec.poses)
        if since_cut:
            filled = int((self._poses.scenes.view(tick, filled) == self.scene(tick)).sum())
        slots = min(self.slot_of(tick) - self.slot_of(tick - filled + 1) + 1, spec.features)
        present = self._poses.present.view(tick, filled)
        valid = int(present.sum())
        edges = np.flatnonzero(np.concatenate(([True], present, [True])))
        return WindowFigures(
            keypoints=filled / spec.poses,
            features=slots / spec.features,
            coverage=valid / filled,
            largest_gap_s=float((np.diff(edges) - 1).max()) / spec.rate,
            valid_s=valid / spec.rate,
        )
