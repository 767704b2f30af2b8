"""What makes one made-up person gesture unlike another: the shift between subjects."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Habits:
    """Factors of one person."""

    right: float  # chance that a one-handed gesture is the right hand's
    speed: float  # of approaches, strokes and beats
    size: float  # of strokes and movements
    shift: tuple[float, float]  # where they touch, relative to the class's place, face units
    mix: NDArray[np.float64]  # [C], share of each class among their gestures
    rest: tuple[float, float]  # of a hand at rest, face units, x outward
    arm: float  # length of both arm bones, 1 = the usual


def draw(prior: NDArray[np.float64], rng: np.random.Generator, concentration: float = 30.0) -> Habits:
    """A person; ``concentration`` of the Dirichlet around ``prior``: the smaller, the more of a habit."""
    right = float(rng.beta(6, 2)) if rng.random() < 0.88 else float(rng.beta(2, 6))
    on_table = rng.random() < 0.4  # hands that lie in view
    return Habits(
        right=right,
        speed=float(np.exp(rng.normal(0, 0.15))),
        size=float(np.exp(rng.normal(0, 0.2))),
        shift=(float(rng.normal(0, 0.12)), float(rng.normal(0, 0.12))),
        mix=rng.dirichlet(np.maximum(prior * concentration, 0.02)),
        rest=(
            float(rng.uniform(0.8, 2.4)),
            float(rng.uniform(6.0, 6.8) if on_table else rng.uniform(8.6, 9.8)),
        ),
        arm=float(rng.normal(1, 0.05)),
    )


def alike(labels: Sequence[int], prior: NDArray[np.float64]) -> Habits:
    """The person without any habit."""
    return Habits(
        0.8, 1.0, 1.0, (0.0, 0.0), np.array(prior, np.float64).reshape(len(labels)), (1.9, 9.4), 1.0
    )
