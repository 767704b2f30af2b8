"""Contribution of each branch to the published log-odds: Shapley values over the present branches.

With v(S) the calibrated logit of the branches in S, and v(∅) the prior's, a branch's contribution is the mean
of its marginal contributions over all orders of the branches (Shapley, 1953). The contributions and the prior
sum to the published logit.
"""

from collections.abc import Mapping
from itertools import combinations
from math import factorial

Subset = frozenset[str]


def subsets(names: tuple[str, ...]) -> list[Subset]:
    """Every non-empty subset."""
    return [frozenset(c) for n in range(1, len(names) + 1) for c in combinations(names, n)]


def shapley(logits: Mapping[Subset, float], prior: float) -> dict[str, float]:
    """Contributions by branch, and ``prior``, the log-odds of the prior.

    ``logits``: calibrated logit of every non-empty subset of the present branches.
    """
    names = sorted(frozenset().union(*logits))
    n = len(names)

    def value(subset: Subset) -> float:
        return logits[subset] if subset else prior

    parts = {}
    for name in names:
        others = [each for each in names if each != name]
        parts[name] = sum(
            factorial(size)
            * factorial(n - size - 1)
            / factorial(n)
            * (value(frozenset(chosen) | {name}) - value(frozenset(chosen)))
            for size in range(n)
            for chosen in combinations(others, size)
        )
    return {**parts, "prior": prior}
