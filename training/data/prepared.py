"""Recordings → tensors from which windows are cut. Inputs are computed once, with the live side's code."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor

from stream.bundle.manifest import BRANCHES, Window
from stream.records import Floats
from training.corpus.recording import Recording, feature_slots, inputs
from training.corpus.tensors import writing

MOMENT = 13  # ticks over which an event's evidence is spread


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """One recording of T ticks and S feature slots, prepared for training."""

    groups: dict[str, Tensor]  # float16 [T, width]
    masks: dict[str, Tensor]  # bool [T]
    features: Tensor  # float16 [S, D]
    feature_mask: Tensor  # bool [S]
    ids: Tensor  # int64 [L]
    ids_mask: Tensor  # bool [L]
    moments: Tensor  # float16 [T], evidence of the true events around each tick
    recording: Recording  # without its points and boxes: label, subject, evidence
    name: str = ""  # id in its corpus
    pseudo_label: float | None = None  # probability of win, used in place of the label
    weight: float = 1.0

    @property
    def ticks(self) -> int:
        return self.recording.ticks


@dataclass(frozen=True, slots=True, eq=False)
class Pools:
    """The recordings that a run is trained, validated and calibrated on. No subject is in two of them."""

    labelled: list[Prepared]
    pseudo: list[Prepared] = field(default_factory=list)  # used in stage 2, if in `confidences`
    confidences: dict[str, float] = field(default_factory=dict)  # a labeller's probability of win, by name
    validation: list[Prepared] = field(default_factory=list)  # early stopping
    held_out: list[Prepared] = field(default_factory=list)  # calibration
    texts: list[Prepared] = field(default_factory=list)  # descriptions alone
    easier: list[Prepared] = field(default_factory=list)  # first part of stage 1, simulated people
    easier_texts: list[Prepared] = field(default_factory=list)
    warped: list[Prepared] = field(default_factory=list)  # films, tracked by the real front end
    warped_held_out: list[Prepared] = field(default_factory=list)


def prepare(
    recording: Recording,
    window: Window,
    tokenizer: Tokenizer,
    length: int,
    features: int,
    *,
    branches: Collection[str] = BRANCHES,
    name: str = "",
    weight: float = 1.0,
    cache: Path | None = None,
) -> Prepared:
    """Compute the inputs of a whole recording; ``length`` word pieces, ``features`` = D.

    Inputs of other ``branches`` are left out. With ``cache`` the keypoint inputs are written there once and
    memory-mapped afterwards.
    """
    values, feature_mask = feature_slots(recording, window)
    if values.shape[1] != features or "image" not in branches:
        values, feature_mask = np.zeros((len(values), features), np.float32), np.zeros_like(feature_mask)
    # Copied, because a slice would keep the whole arrays in memory.
    rest = {name: getattr(recording, name)[:0].copy() for name in ("points", "valid", "boxes", "segments")}
    has_text = "text" in branches and not recording.mixed
    ids, ids_mask = encode(tokenizer, recording.text if has_text else None, length)
    groups, masks = _mapped(recording, window, cache) if cache else _computed(recording, window)
    if "keypoints" not in branches:
        masks = {group: torch.zeros_like(mask) for group, mask in masks.items()}
    return Prepared(
        groups=groups,
        masks=masks,
        features=torch.from_numpy(values.astype(np.float16)),
        feature_mask=torch.from_numpy(feature_mask),
        ids=ids,
        ids_mask=ids_mask,
        moments=torch.from_numpy(moments(recording).astype(np.float16)),
        recording=replace(recording, **rest, features=None),
        name=name or recording.subject,
        weight=weight,
    )


def text_only(recording: Recording, window: Window, tokenizer: Tokenizer, length: int) -> Prepared:
    """A recording with its description only."""
    ticks = recording.ticks
    ids, ids_mask = encode(tokenizer, recording.text, length)
    return Prepared(
        groups={n: torch.zeros(1, w, dtype=torch.float16).expand(ticks, w) for n, w in window.widths.items()},
        masks={name: torch.zeros(1, dtype=torch.bool).expand(ticks) for name in window.widths},
        features=torch.zeros(len(recording.feature_mask), 0, dtype=torch.float16),
        feature_mask=torch.from_numpy(recording.feature_mask),
        ids=ids,
        ids_mask=ids_mask,
        moments=torch.zeros(1, dtype=torch.float16).expand(ticks),
        recording=recording,
    )


def _computed(recording: Recording, window: Window) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    groups, masks = inputs(recording, window)
    return (
        {name: torch.from_numpy(v.astype(np.float16)) for name, v in groups.items()},
        {name: torch.from_numpy(v) for name, v in masks.items()},
    )


def _mapped(recording: Recording, window: Window, path: Path) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Memory-mapped inputs from ``path``, computed and written first if missing."""
    if not path.exists():
        groups, masks = _computed(recording, window)
        with writing(path) as part:  # several GPU processes may prepare the same corpus at the same time
            save_file(groups | {f"{name}_mask": v for name, v in masks.items()}, part)
    stored = load_file(path)
    return (
        {name: stored[name] for name in window.widths},
        {name: stored[f"{name}_mask"] for name in window.widths},
    )


def moments(recording: Recording) -> Floats:
    """Evidence of the true events around each tick, float32 [T]: smoothed over ``MOMENT`` ticks and divided
    by its standard deviation, so that profiles of different strength weigh the same. Zeros for real people.
    """
    if recording.llr is None:
        return np.zeros(recording.ticks, np.float32)
    steps = np.diff(recording.llr, prepend=np.float32(0))
    steps[np.abs(steps) < 1e-3 + 2 * np.median(np.abs(steps))] = 0  # the steady drift between events
    kernel = np.hanning(MOMENT + 2)[1:-1]
    local = np.convolve(steps, kernel, mode="same")
    return np.asarray(local / max(float(local.std()), 1e-6), np.float32)


def encode(tokenizer: Tokenizer, text: str | None, length: int) -> tuple[Tensor, Tensor]:
    """Word pieces padded or truncated to ``length`` as on the live side, keeping the last one: int64 [L],
    bool [L]."""
    ids = torch.zeros(length, dtype=torch.int64)
    pieces = tokenizer.encode(text).ids if text else []
    pieces = pieces if len(pieces) <= length else [*pieces[: length - 1], pieces[-1]]
    ids[: len(pieces)] = torch.tensor(pieces, dtype=torch.int64)
    return ids, torch.arange(length) < len(pieces)


def feeds(source: Prepared, branch: str) -> bool:
    """Whether a recording has input for a branch."""
    return {
        "keypoints": any(bool(m.any()) for m in source.masks.values()),
        "image": bool(source.feature_mask.any()),
        "text": bool(source.ids_mask.any()),
    }[branch]
