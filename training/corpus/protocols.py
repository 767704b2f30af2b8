"""Our own splits by subject, and the check that no split shares a subject by mistake."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from stream.errors import UsageError
from training.corpus.index import Entry, Split, listed

DISJOINT = "disjoint"
SHARES = {"train": 0.7, "validation": 0.15, "test": 0.15}


def own_split(
    entries: Sequence[Entry], seed: int = 0, shares: dict[str, float] | None = None
) -> dict[str, Split]:
    """``disjoint``: our own split by subject; empty with fewer labelled subjects than parts."""
    shares = shares or SHARES
    subjects = {e.subject for e in entries if e.label is not None}
    return {DISJOINT: disjoint_split(entries, shares, seed)} if len(subjects) >= len(shares) else {}


def shared_subjects(split: Split, entries: Iterable[Entry]) -> list[str]:
    """Subjects that occur in more than one part of a split, sorted."""
    subject_of = {entry.id: entry.subject for entry in entries}
    parts = defaultdict(set)
    for part, ids in split.parts.items():
        for id in ids:
            parts[subject_of[id]].add(part)
    return sorted(subject for subject, found in parts.items() if len(found) > 1)


def check_disjoint(split: Split, entries: Iterable[Entry], name: str = "split") -> None:
    """Raises UsageError for a recording in two parts, and for a subject in two parts unless the split allows
    it.

    Only published protocols have ``subject_disjoint: false``.
    """
    ids = [id for part in split.parts.values() for id in part]
    twice = sorted({id for id in ids if ids.count(id) > 1}) if len(set(ids)) < len(ids) else []
    if twice:
        raise UsageError(
            f"{name}: expected every recording once, found {listed(twice)} more than once; correct the split."
        )
    shared = shared_subjects(split, entries) if split.subject_disjoint else []
    if shared:
        raise UsageError(
            f"{name}: expected every subject in one part, found {len(shared)} in several "
            f"({listed(shared)}); split by subject."
        )


def disjoint_split(entries: Iterable[Entry], shares: dict[str, float], seed: int = 0) -> Split:
    """Parts by subject with about these shares of wins and of losses; unlabelled recordings are left out.

    The same seed gives the same split. UsageError for shares that do not add up to one and for fewer
    subjects than parts.
    """
    if abs(sum(shares.values()) - 1) > 1e-6 or min(shares.values()) <= 0:
        given = ", ".join(f"{part} {share:g}" for part, share in shares.items())
        raise UsageError(f"expected positive shares that add up to 1, found {given}; correct them.")
    groups = defaultdict(list)
    for entry in sorted(entries, key=lambda e: e.id):
        if entry.label is not None:
            groups[entry.subject].append(entry)
    if len(groups) < len(shares):
        raise UsageError(
            f"expected at least {len(shares)} labelled subjects for {listed(shares, 5)}, found "
            f"{len(groups)}; import more or ask for fewer parts."
        )
    wins = {s: sum(e.label == 1 for e in found) for s, found in groups.items()}
    # Losses, wins and their sum per subject: the sum keeps the rounding of both from adding up.
    counts = {s: np.array([len(found) - wins[s], wins[s], len(found)]) for s, found in groups.items()}
    total = sum(counts.values())
    target = np.array(list(shares.values()))[:, None] * np.maximum(total, 1e-9)
    have = np.zeros_like(target)
    order = np.random.default_rng([seed, len(groups)]).permutation(sorted(groups)).tolist()
    parts: list[list[str]] = [[] for _ in shares]
    for left, subject in zip(
        range(len(order), 0, -1), sorted(order, key=lambda s: -len(groups[s])), strict=True
    ):
        # The part where the subject brings the counts nearest to the target (chi-squared distance); the last
        # subjects go to parts that are still empty.
        change = ((have + counts[subject] - target) ** 2 - (have - target) ** 2) / target
        empty = np.array([not ids for ids in parts])
        allowed = empty if left <= empty.sum() else np.ones_like(empty)
        best = int(np.where(allowed, change.sum(1), np.inf).argmin())
        have[best] += counts[subject]
        parts[best] += [e.id for e in groups[subject]]
    named = {part: tuple(sorted(ids)) for part, ids in zip(shares, parts, strict=True)}
    return Split(subject_disjoint=True, parts=named, note=f"by subject, seed {seed}")


def folds(entries: Iterable[Entry], k: int, seed: int = 0) -> tuple[Split, ...]:
    """k splits by subject, each recording in ``validation`` once and in ``train`` otherwise.

    UsageError for fewer labelled subjects than folds, or less than two folds.
    """
    if k < 2:
        raise UsageError(f"expected at least 2 folds, found {k}; ask for more.")
    held = disjoint_split(entries, {f"fold {i}": 1 / k for i in range(k)}, seed).parts
    every = sorted(id for ids in held.values() for id in ids)
    return tuple(
        Split(
            subject_disjoint=True,
            parts={"train": tuple(id for id in every if id not in set(ids)), "validation": ids},
            note=f"{name} of {k} by subject, seed {seed}",
        )
        for name, ids in held.items()
    )
