"""When a made-up person does which gesture: one after the other, a share of the time under gestures."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from training.corpus.gestures import Rows
from training.corpus.grid import RATE
from training.gestures.simulator.catalogue import BY_LABEL, Kind
from training.gestures.simulator.habits import Habits

SHORTEST_S, LONGEST_S = 0.5, 8.0
APPROACH_S = (0.2, 0.5)
MEAN_S = 2.5  # about what the catalogue's gestures last
PAUSE_S = 0.3  # at least, between two gestures
EDGE_S = 0.06  # deviation of where an annotator puts an edge


@dataclass(frozen=True, slots=True)
class Gesture:
    """One gesture as it is done."""

    kind: Kind
    latents: tuple[float, ...]  # as LATENTS of its family names them, before the person's factors
    start: float  # seconds, the hand leaves its rest
    seconds: float
    side: int  # −1 the right hand, 1 the left
    approach: float  # seconds from rest to the place
    retreat: float
    phase: float  # of its strokes, radians

    @property
    def end(self) -> float:
        return self.start + self.seconds


def schedule(
    labels: Sequence[int], habits: Habits, seconds: float, share: float, rng: np.random.Generator
) -> list[Gesture]:
    """Gestures in [0, seconds), by time, that cover about ``share`` of it (iMiGUE: 37 %)."""
    pause = max(MEAN_S * (1 - share) / share - PAUSE_S, 0.05)
    found: list[Gesture] = []
    at = float(rng.exponential(pause))
    while True:
        kind = BY_LABEL[labels[int(rng.choice(len(labels), p=habits.mix))]]
        latents = rng.normal(kind.mean, kind.std)
        lasting = float(np.clip(np.exp(latents[0]), SHORTEST_S, LONGEST_S))
        if at + lasting > seconds:
            return found
        quick = [min(float(rng.uniform(*APPROACH_S)) / habits.speed, 0.4 * lasting) for _ in range(2)]
        found.append(
            Gesture(
                kind=kind,
                latents=tuple(latents.tolist()),
                start=at,
                seconds=lasting,
                side=-1 if rng.random() < habits.right else 1,
                approach=quick[0],
                retreat=quick[1],
                phase=float(rng.uniform(0, 2 * np.pi)),
            )
        )
        at += lasting + PAUSE_S + float(rng.exponential(pause))


def rows_of(gestures: Sequence[Gesture], ticks: int, rng: np.random.Generator, rate: float = RATE) -> Rows:
    """What an annotator would write, int32 [N, 4]: from within the approach to within the retreat."""
    found = []
    for i, g in enumerate(gestures):
        first = g.start + 0.3 * g.approach + rng.normal(0, EDGE_S)
        last = g.end - 0.3 * g.retreat + rng.normal(0, EDGE_S)
        low = int(np.clip(round(first * rate), 0, ticks - 1))
        found.append((g.kind.label, low, int(np.clip(round(last * rate), low, ticks - 1)), i))
    return np.array(found, np.int32).reshape(-1, 4)
