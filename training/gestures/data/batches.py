"""Which clips are in batch k, as a function of (seed, phase, k): epochs of a shuffled order."""

import hashlib

import numpy as np
from numpy.typing import NDArray


def generator(seed: int, phase: str, k: int) -> np.random.Generator:
    """Chance of its own for step k of a phase."""
    mark = int.from_bytes(hashlib.sha256(phase.encode()).digest()[:4])
    return np.random.default_rng([seed, mark, k])


def members(places: NDArray[np.int64], batch: int, seed: int, phase: str, k: int) -> NDArray[np.int64]:
    """The clips of batch k, int64 [batch]: every clip once an epoch, in another order each time."""
    n = len(places)
    at = np.arange(k * batch, (k + 1) * batch)
    found = np.empty(batch, np.int64)
    for epoch in np.unique(at // n).tolist():
        order = generator(seed, f"{phase}, epoch", epoch).permutation(n)
        inside = at // n == epoch
        found[inside] = places[order[at[inside] % n]]
    return found
