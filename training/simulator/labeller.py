"""A made-up labeller for made-up people, right as often as it is told to be.

Its errors may fall evenly, on one class more than the other, or on hard videos more often.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit, ndtr, ndtri

from stream.errors import UsageError

Noise = Literal["even", "class", "instance"]
CLASS_GAP = 0.6  # of the distance to chance: how unevenly "class" noise falls on the two classes
FAINTEST = 1e-3  # μ; a labeller who knows nothing guesses, one of exactly 0 would call everybody a loser
LEAST_EASE = 0.01  # of the mean: a video without any evidence is hard, not impossible


@dataclass(frozen=True, slots=True)
class Labeller:
    """Draws confidences whose larger side is right with probability ``accuracy`` (0.5..1, of wins and losses
    together where both are as many).

    A latent score (2y − 1)·μ + N(0, 1) gives the confidence σ(2μ·score); μ is the same for all ("even"),
    larger for losses than for wins ("class"), or follows how plain a video's evidence is ("instance").
    Calibrated among as many wins as losses, but for "class": there the labeller leans towards losses and
    does not know it. Raises UsageError for an accuracy outside 0.5..1.
    """

    accuracy: float
    noise: Noise = "even"

    def __post_init__(self) -> None:
        if not 0.5 <= self.accuracy <= 1:
            raise UsageError(
                f"expected a labeller's accuracy in 0.5..1, found {self.accuracy:g}; correct it."
            )

    def confidences(
        self, labels: NDArray[np.int64], ease: NDArray[np.float64] | None, rng: np.random.Generator
    ) -> NDArray[np.float64]:
        """Chance of win for videos with ``labels`` [N]; ``ease`` [N] ≥ 0, needed for "instance" noise."""
        strength = self._strength(labels, ease)
        strength = np.maximum(strength, FAINTEST)
        score = (2 * labels - 1) * strength + rng.standard_normal(len(labels))
        chances: NDArray[np.float64] = expit(2 * strength * score)
        return chances

    def _strength(self, labels: NDArray[np.int64], ease: NDArray[np.float64] | None) -> NDArray[np.float64]:
        if self.noise == "even":
            return np.full(len(labels), float(ndtri(self.accuracy)))
        if self.noise == "class":
            gap = CLASS_GAP * min(self.accuracy - 0.5, 1 - self.accuracy)
            each = np.where(labels == 1, self.accuracy - gap, self.accuracy + gap)
            strength: NDArray[np.float64] = ndtri(np.clip(each, 0.5, 1 - 1e-6))
            return strength
        if ease is None:
            raise ValueError("instance noise needs the ease of every video")
        if self.accuracy <= 0.5:
            return np.zeros(len(labels))
        shape = np.maximum(ease / max(float(ease.mean()), 1e-9), LEAST_EASE)
        gain: float = brentq(lambda g: float(ndtr(g * shape).mean()) - min(self.accuracy, 0.999), 0, 1e4)
        return gain * shape


def noise_of(name: str) -> Noise:
    """The kind of error of that name. UsageError for another."""
    if name not in get_args(Noise):
        raise UsageError(f"expected --noise {' or '.join(get_args(Noise))}, found {name}; choose one.")
    return name  # type: ignore[return-value]
