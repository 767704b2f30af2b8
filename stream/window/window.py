"""Grid, rings, offsets and masks: the last 4000 poses and 800 features in stream time.

Everything is indexed by tick, ``tick = round(rate·(pts − t0))``, never by frame count, so sources of
24, 29.97, 50 or 60 fps and dropped frames do not warp time. Rings are mirrored (each row is written
twice) so that the newest ``n`` rows are one contiguous view; a reserve of extra rows lets the slow lane
read ticks ≤ T while the fast lane goes on writing.

Paper: keypoints relative to the portrait box with displacements against t−8, t−16, t−24
(hidden-emotion paper, keypoint and offset features).
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stream.bundle.manifest import Window as WindowSpec
from stream.records import Floats, Mask, Portrait, Pose, WindowFigures
from stream.skeleton import COUNT, GROUPS

RESERVE_S = 20.0  # how far the fast lane may run ahead of a read before the read is void
BACKWARD_S = 1.0  # a media clock that jumps back by more than this starts a new segment


class Grid:
    """Maps media time to ticks; the first frame that claims a tick has it."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self.origin: float | None = None  # media seconds of tick 0
        self.newest = -1
        self.late = 0  # frames whose tick was taken already

    def claim(self, pts: float, discontinuity: bool = False) -> int | None:
        """The tick of a frame, or None when an earlier frame has it.

        Where the media clock runs backwards, or stands still at a discontinuity, time goes on with the next
        tick; where it jumps ahead, what it left out is a gap.
        """
        if self.origin is None:
            self.origin = pts
        tick = self._tick(pts, self.origin)
        if tick < self.newest - BACKWARD_S * self.rate or (discontinuity and tick <= self.newest):
            self.origin = pts - (self.newest + 1) / self.rate
            tick = self.newest + 1
        if tick <= self.newest:
            self.late += 1
            return None
        self.newest = tick
        return tick

    def _tick(self, pts: float, origin: float) -> int:
        # Halves round up (50 fps lies on them), with room for the rounding of the time stamps themselves.
        return math.floor(self.rate * (pts - origin) + 0.5 + 1e-6)


class Ring:
    """Rows by tick in a mirrored buffer: the newest ``n`` rows are always one contiguous view."""

    def __init__(self, rows: int, shape: tuple[int, ...], dtype: type[np.generic]) -> None:
        self.rows = rows
        # Written, not only reserved: a process that will need this memory in two minutes has it now.
        self._buffer: NDArray[Any] = np.empty((2 * rows, *shape), dtype)
        self._buffer.fill(0)

    def put(self, tick: int, value: object) -> None:
        slot = tick % self.rows
        self._buffer[slot] = value
        self._buffer[slot + self.rows] = value

    def clear(self, first: int, last: int) -> None:
        """Zero the rows of ticks first..last, both included."""
        for tick in range(max(first, last - self.rows + 1), last + 1):
            self.put(tick, 0)

    def get(self, tick: int) -> Any:
        return self._buffer[tick % self.rows]

    def view(self, tick: int, n: int) -> NDArray[Any]:
        """Rows of ticks tick−n+1 … tick, oldest first; no copy. ``n ≤ rows``."""
        stop = tick % self.rows + self.rows + 1
        return self._buffer[stop - n : stop]

    def reset(self) -> None:
        self._buffer[...] = 0


@dataclass(frozen=True, slots=True, eq=False)
class WindowView:
    """What one estimate reads; arrays are views into the rings, oldest tick first."""

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
        reserve = math.ceil(RESERVE_S * spec.rate)
        self.rows = rows = spec.poses + reserve
        slots = max(spec.features, -(-spec.poses // spec.stride)) + -(-reserve // spec.stride)
        self._reserve = reserve
        self._groups = {name: Ring(rows, (width,), np.float32) for name, width in spec.widths.items()}
        self._masks = {name: Ring(rows, (), np.bool_) for name in GROUPS}
        self._present = Ring(rows, (), np.bool_)
        self._points = Ring(rows, (COUNT, 2), np.float32)
        self._valid = Ring(rows, (COUNT,), np.bool_)
        self._segment = Ring(rows, (), np.int64)
        self._features = Ring(slots, (feature_dim,), np.float32)
        self._feature_mask = Ring(slots, (), np.bool_)
        self._feature_segment = Ring(slots, (), np.int64)
        self._slots = slots
        self._newest_slot = -1
        self.newest = -1
        self.first = 0  # oldest tick ever pushed
        self.void = -1  # newest tick before a gap so long that nothing older is left
        self._cuts = 1

    def reset(self) -> None:
        """Forget everything; the next push may be any tick."""
        for ring in (*self._groups.values(), *self._masks.values(), self._present, self._points, self._valid):
            ring.reset()
        for ring in (self._segment, self._features, self._feature_mask, self._feature_segment):
            ring.reset()
        self.newest = self._newest_slot = self.void = -1
        self.first = 0
        self._cuts = 1

    def push(self, tick: int, portrait: Portrait | None, pose: Pose | None, *, cut: bool = False) -> None:
        """Write one tick; ticks skipped since the last one are gaps. ``tick`` must increase."""
        if tick <= self.newest:
            raise ValueError(f"ticks must increase: expected more than {self.newest}, found {tick}")
        if self.newest < 0:
            self.first = tick
        else:
            self._clear(self.newest + 1, tick - 1)
            if tick - self.newest >= self.rows:
                self.void = tick - 1
        if cut or (portrait is not None and portrait.cut):
            self._cuts += 1
        if portrait is None or pose is None or not pose.valid.any():
            self._clear(tick, tick)
        else:
            self._write(tick, portrait, pose)
        self._segment.put(tick, self._cuts)
        self.newest = tick

    def _write(self, tick: int, portrait: Portrait, pose: Pose) -> None:
        values, _ = features_of(
            np.array(portrait.box, np.float32),
            pose.points,
            pose.valid,
            [self._partner(tick, k) for k in self.spec.offsets],
        )
        for name, group in GROUPS.items():
            self._groups[name].put(tick, values[group].reshape(-1))
            self._masks[name].put(tick, pose.valid[group].any())
        self._present.put(tick, True)
        self._points.put(tick, pose.points)
        self._valid.put(tick, pose.valid)

    def _partner(self, tick: int, back: int) -> tuple[Floats, Mask] | None:
        other = tick - back
        if other < self.first or not self._present.get(other) or self._segment.get(other) != self._cuts:
            return None
        return self._points.get(other), self._valid.get(other)

    def _clear(self, first: int, last: int) -> None:
        if last < first:
            return
        for ring in (*self._groups.values(), *self._masks.values(), self._present, self._valid):
            ring.clear(first, last)
        for tick in range(max(first, last - self.rows + 1), last + 1):
            self._segment.put(tick, self._cuts)

    def slot_of(self, tick: int) -> int:
        """Feature slot of a tick."""
        return tick // self.spec.stride

    def put_feature(self, slot: int, feature: Floats | None, tick: int | None = None) -> None:
        """Write one feature slot; the first feature has it, None leaves it open, skipped slots are gaps.

        ``tick`` is the feature's own (default: the slot's first): it says which side of a cut it is of.
        """
        if slot < self._newest_slot:
            raise ValueError(
                f"feature slots must not go back: expected {self._newest_slot} or more, found {slot}"
            )
        for ring in (self._features, self._feature_mask, self._feature_segment):
            ring.clear(self._newest_slot + 1, slot)
        self._newest_slot = slot
        if feature is not None and not self._feature_mask.get(slot):
            self._features.put(slot, feature)
            self._feature_mask.put(slot, True)
            first = slot * self.spec.stride if tick is None else tick
            self._feature_segment.put(slot, self._segment.get(first))

    def read(self, tick: int, *, since_cut: bool = False, since: int = 0) -> WindowView:
        """All that ticks ≤ ``tick`` say; unseen ticks are zeros and masked.

        With ``since_cut`` what came before the newest cut is masked too, and does not count in the figures;
        nor do ticks before ``since``.
        """
        spec = self.spec
        newest_slot = self.slot_of(tick)
        self._open(newest_slot)
        masks = {name: ring.view(tick, spec.poses) for name, ring in self._masks.items()}
        feature_mask = self._feature_mask.view(newest_slot, spec.features)
        if since_cut:
            now = self.segment(tick)
            same = self._segment.view(tick, spec.poses) == now
            masks = {name: mask & same for name, mask in masks.items()}
            feature_mask = feature_mask & (self._feature_segment.view(newest_slot, spec.features) == now)
        return WindowView(
            tick=tick,
            groups={name: ring.view(tick, spec.poses) for name, ring in self._groups.items()},
            masks=masks,
            features=self._features.view(newest_slot, spec.features),
            feature_mask=feature_mask,
            figures=self.figures(tick, since_cut=since_cut, since=since),
        )

    def _open(self, slot: int) -> None:
        """Let the slots up to ``slot`` be gaps until a feature comes."""
        if self._newest_slot < slot:
            self.put_feature(slot, None)

    # -- row by row --------------------------------------------------------------------------------

    @property
    def oldest(self) -> int:
        """Oldest tick whose row can be taken while the fast lane goes on for half its reserve."""
        return max(self.first, self.newest - self.rows + 1 + self._reserve // 2)

    def segment(self, tick: int) -> int:
        """Cuts up to a tick."""
        return int(self._segment.get(tick))

    def rows_of(self, first: int, last: int) -> tuple[list[Floats], Mask, NDArray[np.int64]]:
        """Ticks first..last: views [n, width] of each group, bool [groups, n], and the segments [n]."""
        n = last - first + 1
        mask = np.stack([ring.view(last, n) for ring in self._masks.values()])
        return [ring.view(last, n) for ring in self._groups.values()], mask, self._segment.view(last, n)

    def settled(self, tick: int) -> int:
        """Newest slot that ticks after ``tick`` cannot change: it has its feature, or is past."""
        slot = self.slot_of(tick)
        self._open(slot)
        past = (slot + 1) * self.spec.stride - 1 <= tick
        return slot if past or self._feature_mask.get(slot) else slot - 1

    def slots_of(self, first: int, last: int) -> tuple[Floats, Mask, NDArray[np.int64]]:
        """Slots first..last: a view [n, D], bool [n], and segments [n]: the feature's own, or that of the
        last tick of a slot without one."""
        n = last - first + 1
        rings = (self._features, self._feature_mask, self._feature_segment)
        features, mask, segments = (ring.view(last, n) for ring in rings)
        ends = ((slot + 1) * self.spec.stride - 1 for slot in range(first, last + 1))
        own = [self.segment(min(max(end, self.newest - self.rows + 1), self.newest)) for end in ends]
        return features, mask, np.where(mask, segments, own)

    @property
    def oldest_slot(self) -> int:
        """Oldest slot that is still there."""
        return max(self.slot_of(self.first), self._newest_slot - self._slots + 1)

    # -- figures -----------------------------------------------------------------------------------

    def intact(self, tick: int) -> bool:
        """Whether rows read for ``tick`` have not been overwritten since."""
        return self.newest - tick <= self._reserve

    def seen(self, tick: int, ticks: int) -> bool:
        """Whether any of the ``ticks`` ticks up to ``tick`` shows a person."""
        return bool(self._present.view(tick, min(ticks, self.spec.poses)).any())

    def figures(self, tick: int, *, since_cut: bool = False, since: int = 0) -> WindowFigures:
        """Fill, coverage, largest gap and valid seconds of the window that ends at ``tick``.

        With ``since_cut`` it begins at the newest cut, and never before tick ``since``.
        """
        spec = self.spec
        if self.newest < 0:
            return WindowFigures(0.0, 0.0, 0.0, 0.0, 0.0)
        filled = min(tick - max(self.first, min(since, tick)) + 1, spec.poses)
        if since_cut:
            filled = int((self._segment.view(tick, filled) == self.segment(tick)).sum())
        slots = min(self.slot_of(tick) - self.slot_of(tick - filled + 1) + 1, spec.features)
        present = self._present.view(tick, filled)
        valid = int(present.sum())
        edges = np.flatnonzero(np.concatenate(([True], present, [True])))
        return WindowFigures(
            keypoints=filled / spec.poses,
            features=slots / spec.features,
            coverage=valid / filled,
            largest_gap_s=float((np.diff(edges) - 1).max()) / spec.rate,
            valid_s=valid / spec.rate,
        )


def features_of(
    box: Floats, points: Floats, valid: Mask, partners: list[tuple[Floats, Mask] | None]
) -> tuple[Floats, Mask]:
    """Eight values per point: x, y relative to the box, then one displacement pair per offset.

    box: float32 [..., 4] = x0, y0, x1, y1 in frame pixels; points float32 [..., K, 2] in frame pixels;
    valid bool [..., K]; partners: points and validity of each earlier tick, or None where it is missing
    or across a cut. Leading dimensions (ticks, in training) broadcast.
    Returns float32 [..., K, 2 + 2·offsets] and the validity of each offset, bool [..., K, offsets].
    Displacements are in frame pixels divided by the box size *now*, so that motion of the box does not enter.
    """
    size = np.maximum(box[..., None, 2:] - box[..., None, :2], np.float32(1))
    values = np.zeros((*points.shape[:-1], 1 + len(partners), 2), np.float32)
    offset_valid = np.zeros((*valid.shape, len(partners)), np.bool_)
    np.divide(points - box[..., None, :2], size, out=values[..., 0, :], where=valid[..., None])
    for i, partner in enumerate(partners):
        if partner is None:
            continue
        both = valid & partner[1]
        np.divide(points - partner[0], size, out=values[..., 1 + i, :], where=both[..., None])
        offset_valid[..., i] = both
    return values.reshape(*points.shape[:-1], -1), offset_valid
