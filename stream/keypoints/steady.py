"""The one-euro filter: still points rest, moving points follow at once (Casiez et al., 2012).

Used for regions only. The points that become evidence are not filtered: what we look for lasts less than
half a second, and a filter strong enough to calm a point would flatten it.
"""

import math

import numpy as np

from stream.records import Floats


class OneEuro:
    """Filters an array of fixed shape, sampled ``rate`` times a second."""

    def __init__(
        self, *, min_cutoff: float, beta: float, derivative_cutoff: float = 1.0, rate: float = 25.0
    ) -> None:
        self._min_cutoff = min_cutoff  # Hz
        self._beta = beta
        self._rate = rate  # Hz
        self._derivative_share = self._share(derivative_cutoff)
        self._raw: Floats | None = None
        self._value: Floats | None = None
        self._speed: Floats | None = None

    def reset(self) -> None:
        self._raw = self._value = self._speed = None

    def push(self, value: Floats, scale: float) -> Floats:
        """The filtered value; ``scale`` is the size of the object, which speeds are measured in."""
        if self._raw is None or self._value is None or self._speed is None:
            self._raw = self._value = value
            self._speed = np.zeros_like(value)
            return value
        speed = (value - self._raw) * np.float32(self._rate / scale)
        self._speed = self._speed + np.float32(self._derivative_share) * (speed - self._speed)
        tau = np.float32(1 / (2 * math.pi)) / (
            np.float32(self._min_cutoff) + np.float32(self._beta) * np.abs(self._speed)
        )
        self._value = self._value + (value - self._value) / (1 + tau * np.float32(self._rate))
        self._raw = value
        return self._value

    def _share(self, cutoff: float) -> float:
        return 1.0 / (1.0 + self._rate / (2 * math.pi * cutoff))
