"""Samples the ticks of a window and assembles their tensors.

``window``: contiguous ticks up to a random end, some windows not yet full, like a live buffer. ``history``:
ticks evenly spread over everything so far. ``paper``: a sorted random sample of the whole video
(hidden-emotion paper, sampling). Offsets are computed on the 25 Hz grid before sampling.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stream.bundle.manifest import BRANCHES, Window
from stream.records import Floats
from training.config import Sampler, Stage, Target
from training.data.prepared import Prepared
from training.model.batch import Batch

SPACING = 6  # minimum ticks between sampled image features (paper: more than 5 frames)
Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """Ticks start..stop−1 of a recording, or only ``ticks`` and feature ``slots`` of these, ascending."""

    source: Prepared
    start: int
    stop: int
    ticks: Indices | None = None
    slots: Indices | None = None

    @property
    def rows(self) -> int:
        return self.stop - self.start if self.ticks is None else len(self.ticks)


def random_cuts(
    sources: Sequence[Prepared], stage: Stage, window: Window, count: int, rng: np.random.Generator
) -> list[Cut]:
    """``count`` cuts of about one length (in rows, drawn log-uniformly) by the stage's sampler."""
    low, high = (math.log(s * window.rate) for s in stage.seconds)
    length = min(round(math.exp(rng.uniform(low, high))), window.poses)
    classes = by_class(sources) if stage.balance == "sampler" else [list(sources)]
    cuts = []
    for _ in range(count):
        pool = classes[int(rng.integers(len(classes)))]
        source = pool[int(rng.integers(len(pool)))]
        short = rng.random() < stage.partial
        if stage.sampler == "window":
            n = min(length, source.ticks)
            n = max(round(n * rng.uniform(0.2, 1.0)), 1) if short else n
            stop = int(rng.integers(n, source.ticks + 1))
            cuts.append(Cut(source, stop - n, stop))
        else:
            whole = stage.sampler == "paper" or not short
            stop = source.ticks if whole else int(rng.integers(source.ticks // 5 + 1, source.ticks + 1))
            cuts.append(sparse(source, stop, length, window, stage.sampler, rng))
    return cuts


def sparse(
    source: Prepared, stop: int, rows: int, window: Window, sampler: Sampler, rng: np.random.Generator
) -> Cut:
    """``rows`` ticks (and features in proportion) of the first ``stop`` ticks, or all if there are fewer."""
    slots, gap = -(-stop // window.stride), -(-SPACING // window.stride)
    few = min(-(-rows // window.stride), window.features)
    if sampler == "paper":
        ticks = np.sort(rng.permutation(stop)[:rows])
        # Random places with a minimum spacing: draw without the spacing, then add it back.
        n = min(few, -(-slots // gap))
        places = np.sort(rng.permutation(slots - (n - 1) * (gap - 1))[:n])
        chosen = places + np.arange(n) * (gap - 1)
    else:
        ticks = np.linspace(0, stop - 1, min(rows, stop)).round().astype(np.int64)
        chosen = np.linspace(0, slots - 1, min(few, slots)).round().astype(np.int64)
    return Cut(source, 0, stop, ticks.astype(np.int64), chosen.astype(np.int64))


def by_class(sources: Sequence[Prepared]) -> list[list[Prepared]]:
    """Wins and losses by label or pseudo-label; a single list if there is only one class."""
    sides = [[s for s in sources if _win(s) == win] for win in (True, False)]
    return [side for side in sides if side]


def _win(source: Prepared) -> bool:
    return (source.recording.label if source.pseudo_label is None else source.pseudo_label) > 0.5


def win_share(sources: Sequence[Prepared]) -> float:
    """Share of wins in labels and pseudo-labels, weighted like their losses; 0.5 without recordings."""
    weights = [s.weight for s in sources]
    wins = sum(weight for weight, source in zip(weights, sources, strict=True) if _win(source))
    return wins / sum(weights) if sum(weights) else 0.5


def target_of(cut: Cut, target: Target) -> float:
    """The target of a window, a probability of win."""
    source = cut.source
    if source.pseudo_label is not None:
        return source.pseudo_label
    if target.kind == "label" and not source.recording.mixed:
        return float(source.recording.label)
    return float(_probability(source.recording.evidence(cut.start, cut.stop), target))


def course_of(cut: Cut, target: Target) -> Floats:
    """The target after each of the cut's ticks, float32 [n]."""
    source, n = cut.source, cut.stop - cut.start
    if source.pseudo_label is not None or (target.kind == "label" and not source.recording.mixed):
        return np.full(n, target_of(cut, target), np.float32)
    recording = source.recording
    first = recording.evidence(cut.start, cut.start + 1)
    llr = recording.llr
    assert llr is not None  # evidence() raises for real people
    course = _probability(llr[cut.start : cut.stop] - llr[cut.start] + first, target)
    return np.asarray(course, np.float32)


def _probability(evidence: Any, target: Target) -> Any:
    return 1 / (1 + np.exp(-np.clip(evidence * target.temper, -target.limit, target.limit)))


def assemble(
    cuts: Sequence[Cut], window: Window, target: Target, branches: Collection[str] = BRANCHES
) -> Batch:
    """Left-padded tensors of the cuts; inputs of branches that are not in ``branches`` are empty and
    masked."""
    b, t = len(cuts), max(c.rows for c in cuts)
    # A stretch that starts between slots touches one more; a full window has the newest slots, as live.
    f = min(-(-t // window.stride) + 1, window.features)
    is_sparse = cuts[0].ticks is not None
    first = cuts[0].source
    # A branch that is not read gets a single masked row.
    rows, shown_rows = t if "keypoints" in branches else 1, f if "image" in branches else 1
    groups = {name: torch.zeros(b, rows, v.shape[1]) for name, v in first.groups.items()}
    masks = {name: torch.zeros(b, rows, dtype=torch.bool) for name in groups}
    features = torch.zeros(b, shown_rows, first.features.shape[1])
    feature_mask = torch.zeros(b, shown_rows, dtype=torch.bool)
    ages, feature_ages = torch.zeros(b, t), torch.zeros(b, f)
    moments, slot_moments = torch.zeros(b, t), torch.zeros(b, f)
    course, slot_course = torch.full((b, t), 0.5), torch.full((b, f), 0.5)
    for i, cut in enumerate(cuts):
        source, n = cut.source, cut.rows
        ticks, slots = _rows(cut, window, f)
        moments[i, t - n :] = source.moments[ticks]
        targets = torch.from_numpy(course_of(cut, target))
        course[i, t - n :] = targets[ticks - cut.start] if isinstance(ticks, Tensor) else targets
        if "keypoints" in branches:
            for name in groups:
                groups[name][i, t - n :] = source.groups[name][ticks]
                masks[name][i, t - n :] = source.masks[name][ticks]
        shown = source.feature_mask[slots]
        begin = f - len(shown)
        if "image" in branches:
            features[i, begin:] = source.features[slots]
            feature_mask[i, begin:] = shown
            slot_moments[i, begin:] = source.moments[:: window.stride][slots]
            ends = (torch.arange(len(source.feature_mask))[slots] + 1) * window.stride - 1
            slot_course[i, begin:] = targets[ends.clamp(cut.start, cut.stop - 1) - cut.start]
        if isinstance(ticks, Tensor) and isinstance(slots, Tensor):
            ages[i, t - n :] = (cut.stop - 1 - ticks) / window.rate
            behind = (cut.stop - 1) // window.stride - slots
            feature_ages[i, begin:] = behind * (window.stride / window.rate)
    return Batch(
        groups=groups,
        masks=masks,
        ages=ages if is_sparse else None,
        features=features,
        feature_mask=feature_mask,
        feature_ages=feature_ages if is_sparse else None,
        ids=torch.stack([c.source.ids for c in cuts]),
        ids_mask=torch.stack([c.source.ids_mask for c in cuts]) & ("text" in branches),
        moments=moments,
        slot_moments=slot_moments,
        course=course,
        slot_course=slot_course,
        kept=torch.ones(b, len(BRANCHES), dtype=torch.bool),
        target=torch.tensor([target_of(c, target) for c in cuts]),
        weight=torch.tensor([c.source.weight for c in cuts]),
    )


def _rows(cut: Cut, window: Window, most: int) -> tuple[slice | Tensor, slice | Tensor]:
    """Index of a cut's ticks and of its (newest ``most``) feature slots."""
    if cut.ticks is not None and cut.slots is not None:
        return torch.from_numpy(cut.ticks), torch.from_numpy(cut.slots[-most:])
    newest = (cut.stop - 1) // window.stride + 1
    return slice(cut.start, cut.stop), slice(max(cut.start // window.stride, newest - most), newest)
