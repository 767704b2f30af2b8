"""Recordings → tensors ready to be cut into windows. Inputs are computed once, by the live side's code."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import torch
from msgspec import structs
from tokenizers import Tokenizer
from torch import Tensor

from stream.contract import Window
from stream.records import Floats
from stream.skeleton import COUNT
from training.behaviour import NOTICE, PROFILES, llr_steps, schedule
from training.config import Data, Recipe
from training.corpus.recording import Recording, feature_slots, inputs
from training.descriptions import describe
from training.simulator import RATE, STRIDE, simulate

HELD_OUT, UNLABELLED, EASIER, TEXTS = (
    1_000_000,
    2_000_000,
    3_000_000,
    4_000_000,
)  # seeds apart, so subjects never meet
MOMENT = 13  # ticks over which an event counts as now
EVEN_CUT = (0.25, 0.75)  # where in a recording its behaviour may change


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """One recording of T ticks and S feature slots, as training reads it."""

    groups: dict[str, Tensor]  # float16 [T, width]
    masks: dict[str, Tensor]  # bool [T]
    features: Tensor  # float16 [S, D]
    feature_mask: Tensor  # bool [S]
    ids: Tensor  # int64 [L]
    ids_mask: Tensor  # bool [L]
    moments: Tensor  # float16 [T], evidence of the true events around each tick
    recording: Recording  # with empty points: label, subject, evidence
    mixed: bool  # its behaviour changes, so the label says little of a window
    weight: float = 1.0

    @property
    def ticks(self) -> int:
        return len(self.recording.llr)


def simulated(data: Data, profile: str, count: int, seed: int) -> Iterable[tuple[Recording, bool]]:
    """``count`` recordings, half of each class, each of a subject of its own; and whether each is mixed."""
    rng = np.random.default_rng([seed, count])
    kind = PROFILES[profile]
    for i in range(count):
        label = i % 2
        if rng.random() >= data.mixed:
            yield simulate(kind, label, data.seconds, seed + i), False
            continue
        first = data.seconds * float(rng.uniform(*EVEN_CUT))
        names = ("loss", "win") if label else ("win", "loss")
        parts = list(zip(names, (first, data.seconds - first), strict=True))
        yield simulate(kind, label, data.seconds, seed + i, parts=parts), True


def described(data: Data, profile: str, seed: int) -> Iterable[Recording]:
    """``data.texts`` recordings of which only the description is kept; no point is ever drawn."""
    kind = PROFILES[profile]
    for i in range(data.texts):
        rng = np.random.default_rng([seed, i, 71])
        label = i % 2
        events = schedule(kind, label, data.seconds, rng)
        ticks = round(data.seconds * RATE)
        nothing = np.zeros(ticks, np.bool_)
        yield Recording(
            points=np.zeros((0, COUNT, 2), np.float32),
            valid=np.zeros((0, COUNT), np.bool_),
            boxes=np.zeros((0, 4), np.float32),
            present=nothing,
            segments=np.zeros(ticks, np.int64),
            features=None,
            feature_mask=nothing[::STRIDE],
            text=describe(events, rng),
            label=label,
            subject=f"described-{seed + i}",
            llr=np.cumsum(llr_steps(kind, events, ticks, RATE)).astype(np.float32),
            provenance=f"events of profile {kind.name}; {NOTICE}",
        )


def text_only(recording: Recording, window: Window, tokenizer: Tokenizer, length: int) -> Prepared:
    """A recording with nothing but its description."""
    ticks = len(recording.llr)
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
        mixed=False,
    )


def pseudo_labelled(
    recordings: Iterable[tuple[Recording, bool]], right: float, seed: int
) -> Iterable[tuple[Recording, bool]]:
    """The same recordings with a labeller's guess for a label, right with probability ``right``."""
    rng = np.random.default_rng([seed, 64])
    for recording, _ in recordings:
        label = recording.label if rng.random() < right else 1 - recording.label
        yield replace(recording, label=label), False


def prepare(
    recording: Recording,
    window: Window,
    tokenizer: Tokenizer,
    length: int,
    features: int,
    *,
    mixed: bool = False,
    weight: float = 1.0,
) -> Prepared:
    """Compute the inputs of a whole recording; ``length`` word pieces, ``features`` = D."""
    groups, masks = inputs(recording, window)
    values, feature_mask = feature_slots(recording, window)
    if values.shape[1] != features:
        values, feature_mask = np.zeros((len(values), features), np.float32), np.zeros_like(feature_mask)
    ids, ids_mask = encode(tokenizer, None if mixed else recording.text, length)
    return Prepared(
        groups={name: torch.from_numpy(v.astype(np.float16)) for name, v in groups.items()},
        masks={name: torch.from_numpy(v) for name, v in masks.items()},
        features=torch.from_numpy(values.astype(np.float16)),
        feature_mask=torch.from_numpy(feature_mask),
        ids=ids,
        ids_mask=ids_mask,
        moments=torch.from_numpy(moments(recording).astype(np.float16)),
        recording=replace(recording, points=recording.points[:0], valid=recording.valid[:0]),
        mixed=mixed,
        weight=weight,
    )


def moments(recording: Recording) -> Floats:
    """Evidence of the true events around each tick, float32 [T]: smoothed over ``MOMENT`` ticks, in units of
    its own standard deviation, so that profiles of different strength weigh the same."""
    steps = np.diff(recording.llr, prepend=np.float32(0))
    steps[np.abs(steps) < 1e-3 + 2 * np.median(np.abs(steps))] = 0  # the steady drift between events
    kernel = np.hanning(MOMENT + 2)[1:-1]
    local = np.convolve(steps, kernel, mode="same")
    return np.asarray(local / max(float(local.std()), 1e-6), np.float32)


def encode(tokenizer: Tokenizer, text: str | None, length: int) -> tuple[Tensor, Tensor]:
    """Word pieces padded or cut to ``length`` as the live side does: int64 [L], bool [L]."""
    ids = torch.zeros(length, dtype=torch.int64)
    found = tokenizer.encode(text).ids[:length] if text else []
    ids[: len(found)] = torch.tensor(found, dtype=torch.int64)
    return ids, torch.arange(length) < len(found)


@dataclass(frozen=True, slots=True, eq=False)
class Corpus:
    """Everything a run learns from."""

    labelled: list[Prepared]
    texts: list[Prepared]  # descriptions alone
    easier_texts: list[Prepared]
    easier: list[Prepared]  # first part of stage 1
    pseudo: list[Prepared]  # joins in stage 2
    held_out: list[Prepared]  # calibration and figures
    warped: list[Prepared]  # through the real keypoint chain, with image features
    warped_held_out: list[Prepared]


def sample_texts(recipe: Recipe, count: int = 1000) -> list[str]:
    """Descriptions for the tokenizer."""
    data = structs.replace(recipe.data, texts=count)
    return [r.text for r in described(data, data.profile, 2 * TEXTS) if r.text]
