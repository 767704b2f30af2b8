"""Temperatures and soft voting: σ(z/T) of each branch, and their weighted mean."""

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from stream.errors import UsageError

Logits = NDArray[np.float32]  # [N, C]
Chances = NDArray[np.float64]  # [N, C], rows sum to 1

LOG_T = (-2.0, 3.0)
GRID = 10  # steps from 0 to 1 of a fitted weight
_GOLDEN = (5**0.5 - 1) / 2


def chances(logits: Logits, temperature: float = 1.0) -> Chances:
    """softmax(z / T), float64 [N, C]."""
    z = logits.astype(np.float64) / temperature
    e = np.exp(z - z.max(1, keepdims=True))
    return np.asarray(e / e.sum(1, keepdims=True), np.float64)


def nll(p: Chances, labels: NDArray[np.int64]) -> float:
    """Mean negative log-likelihood, nats."""
    return float(-np.log(np.maximum(p[np.arange(len(labels)), labels], 1e-12)).mean())


def fit_temperature(logits: Logits, labels: NDArray[np.int64]) -> float:
    """The T that makes labelled clips most likely, by golden section on log T; 1 where there is no clip."""
    if not len(labels):
        return 1.0
    low, high = LOG_T
    a, b = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_a, at_b = (nll(chances(logits, float(np.exp(x))), labels) for x in (a, b))
    for _ in range(60):
        if at_a < at_b:
            high, b, at_b = b, a, at_a
            a = high - _GOLDEN * (high - low)
            at_a = nll(chances(logits, float(np.exp(a))), labels)
        else:
            low, a, at_a = a, b, at_b
            b = low + _GOLDEN * (high - low)
            at_b = nll(chances(logits, float(np.exp(b))), labels)
    return float(np.exp((low + high) / 2))


def vote(said: Mapping[str, Chances], weights: Mapping[str, float]) -> Chances:
    """Σ w p over the branches that are there, float64 [N, C]; an absent branch's weight goes to the others.

    UsageError where no branch with a weight is there.
    """
    total = sum(weights.get(name, 0.0) for name in said)
    if total <= 0:
        raise UsageError("expected a branch with a weight to vote, found none; name one that was trained.")
    found: Chances = np.sum([weights.get(name, 0.0) / total * p for name, p in said.items()], axis=0)
    return found


def equal_weights(names: Sequence[str]) -> dict[str, float]:
    """1/M each."""
    return {name: 1 / len(names) for name in names}


def fit_weights(said: Mapping[str, Chances], labels: NDArray[np.int64]) -> dict[str, float]:
    """Weights on the simplex, in steps of 0.1, that make labelled clips most likely; equal ones without
    clips."""
    names = list(said)
    best, least = equal_weights(names), np.inf
    if not len(labels) or len(names) == 1:
        return best
    own = np.stack([said[name][np.arange(len(labels)), labels] for name in names], 1)
    for steps in product(range(GRID + 1), repeat=len(names) - 1):
        last = GRID - sum(steps)
        if last < 0:
            continue
        w = np.array([*steps, last]) / GRID
        loss = float(-np.log(np.maximum(own @ w, 1e-12)).mean())
        if loss < least - 1e-9:
            best, least = dict(zip(names, w.tolist(), strict=True)), loss
    return best
