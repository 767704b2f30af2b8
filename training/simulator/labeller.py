"""A simulated labeller of simulated people, with a given accuracy.

Its errors may be uniform, more frequent in one class, or more frequent on hard videos.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit, ndtr, ndtri

from stream.errors import UsageError

Noise = Literal["even", "class", "instance"]
CLASS_GAP = 0.6  # difference of the classes' accuracies with "class" noise, as a share of the possible one
FAINTEST = 1e-3  # smallest μ: a labeller without information guesses; exactly 0 would always give loss
LEAST_EASE = 0.01  # share of the mean: a video without any evidence is hard, not impossible


@dataclass(frozen=True, slots=True)
class Labeller:
    """Draws confidences whose larger side is correct with probability ``accuracy`` (0.5..1, balanced over
    wins and losses).

    A latent score (2y − 1)·μ + N(0, 1) gives the confidence σ(2μ·score); μ is the same for all ("even"),
    larger for losses than for wins ("class"), or follows the clarity of a video's evidence ("instance").
    Confidences are calibrated for balanced classes, except with "class" noise, where the labeller is biased
    towards losses without knowing it. Raises UsageError for an accuracy outside 0.5..1.
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
        """Probability of win for videos with ``labels`` [N]; ``ease`` [N] ≥ 0 is needed for "instance"
        noise."""
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
    """The kind of noise of that name. Raises UsageError for an unknown one."""
    if name not in get_args(Noise):
        raise UsageError(f"expected --noise {' or '.join(get_args(Noise))}, found {name}; choose one.")
    return name  # type: ignore[return-value]
