"""Simulated people for training: labelled recordings, and descriptions alone."""

from collections.abc import Iterable
from dataclasses import replace

import msgspec
import numpy as np

from stream.skeleton import COUNT
from training.config import Data, Recipe
from training.corpus.grid import RATE, STRIDE
from training.corpus.recording import Recording
from training.simulator.behaviour import NOTICE, PROFILES, llr_steps, schedule
from training.simulator.descriptions import describe
from training.simulator.recordings import simulate

# Separate ranges of seeds, so that subjects never coincide.
HELD_OUT, UNLABELLED, EASIER, TEXTS = 1_000_000, 2_000_000, 3_000_000, 4_000_000
EVEN_CUT = (0.25, 0.75)  # where in a recording its behaviour may change


def simulated(data: Data, profile: str, count: int, seed: int) -> Iterable[Recording]:
    """``count`` recordings, half of each class, each of a different subject."""
    rng = np.random.default_rng([seed, count])
    kind = PROFILES[profile]
    for i in range(count):
        label = i % 2
        if rng.random() >= data.mixed:
            yield simulate(kind, label, data.seconds, seed + i)
            continue
        first = data.seconds * float(rng.uniform(*EVEN_CUT))
        names = ("loss", "win") if label else ("win", "loss")
        parts = list(zip(names, (first, data.seconds - first), strict=True))
        yield replace(simulate(kind, label, data.seconds, seed + i, parts=parts), mixed=True)


def described(data: Data, profile: str, seed: int) -> Iterable[Recording]:
    """``data.texts`` recordings with a description only; no points are simulated."""
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


def sample_texts(recipe: Recipe, count: int = 1000) -> list[str]:
    """Descriptions for the tokenizer."""
    data = msgspec.structs.replace(recipe.data, texts=count)
    return [r.text for r in described(data, data.profile, 2 * TEXTS) if r.text]
