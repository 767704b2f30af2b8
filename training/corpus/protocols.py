"""Splits: our own by subject, and the refusal of any that shares one by mistake."""

from collections import defaultdict
from collections.abc import Iterable

from stream.errors import UsageError
from training.corpus.index import Entry, Split, listed


def shared_subjects(split: Split, entries: Iterable[Entry]) -> list[str]:
    """Subjects that stand in more than one part of a split, sorted."""
    subject_of = {entry.id: entry.subject for entry in entries}
    parts = defaultdict(set)
    for part, ids in split.parts.items():
        for id in ids:
            parts[subject_of[id]].add(part)
    return sorted(subject for subject, found in parts.items() if len(found) > 1)


def check_disjoint(split: Split, entries: Iterable[Entry], name: str = "split") -> None:
    """UsageError for a recording in two parts, and for a subject in two parts unless the split says so.

    Only published protocols say ``subject_disjoint: false``.
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
