"""Our splits never share a subject and keep the balance."""

import numpy as np
import pytest

from stream.errors import UsageError
from training.corpus.index import Entry, Split
from training.corpus.protocols import check_disjoint, disjoint_split, folds, own_split, shared_subjects


def entry(id: str, subject: str, label: int | None = 1) -> Entry:
    return Entry(
        id=id, file=f"recordings/{id}.safetensors", subject=subject, label=label, ticks=100, seconds=4.0,
        source_rate=25.0, text=False, features=0, bad_points=0, size=1, sha256="",
    )  # fmt: skip


def people(seed: int = 0, subjects: int = 60) -> list[Entry]:
    """One to nine videos a subject, three wins to a loss, as in the real data."""
    rng = np.random.default_rng(seed)
    return [
        entry(f"{s:02d}-{i}", f"s{s}", int(rng.random() < 0.75))
        for s in range(subjects)
        for i in range(rng.integers(1, 10))
    ]


@pytest.mark.parametrize("seed", range(5))
def test_our_split_is_disjoint_balanced_and_repeatable(seed):
    entries = people(seed)
    shares = {"train": 0.7, "validation": 0.15, "test": 0.15}
    split = disjoint_split(entries, shares, seed)
    assert disjoint_split(reversed(entries), shares, seed) == split
    assert disjoint_split(entries, shares, seed + 1).parts != split.parts
    assert shared_subjects(split, entries) == []
    labels = {e.id: e.label for e in entries}
    assert sorted(id for ids in split.parts.values() for id in ids) == sorted(labels)
    for part, share in shares.items():
        for label in (0, 1):
            found = sum(labels[id] == label for id in split.parts[part])
            assert abs(found / list(labels.values()).count(label) - share) < 0.05, (part, label)


def test_every_part_gets_somebody_and_the_unlabelled_stay_out():
    shares = {"train": 0.9, "validation": 0.05, "test": 0.05}
    entries = [entry(f"r{i}", f"s{i}", 1) for i in range(3)] + [entry("r9", "s9", None)]
    split = disjoint_split(entries, shares)
    assert [len(ids) for ids in split.parts.values()] == [1, 1, 1]
    assert own_split(entries[1:]) == {}
    with pytest.raises(UsageError, match=r"at least 3 labelled subjects .* found 2"):
        disjoint_split(entries[1:], shares)
    for wrong in ({"train": 0.7, "test": 0.2}, {"train": 1.2, "test": -0.2}):
        with pytest.raises(UsageError, match="expected positive shares that add up to 1"):
            disjoint_split(entries, wrong)


def test_folds_hold_every_recording_out_once():
    entries = people(3)
    found = folds(entries, 5, seed=1)
    held = [id for split in found for id in split.parts["validation"]]
    assert sorted(held) == sorted(e.id for e in entries)
    wins = []
    for split in found:
        check_disjoint(split, entries)
        assert len(split.parts["train"]) + len(split.parts["validation"]) == len(entries)
        wins.append(np.mean([e.label for e in entries if e.id in split.parts["validation"]]))
    assert max(wins) - min(wins) < 0.1
    with pytest.raises(UsageError, match="at least 2 folds, found 1"):
        folds(entries, 1)


def test_a_recording_in_two_parts_is_refused_even_if_subjects_are_shared():
    split = Split(subject_disjoint=False, parts={"train": ("a", "b"), "test": ("b",)})
    with pytest.raises(UsageError, match="every recording once, found b more than once"):
        check_disjoint(split, [entry("a", "x"), entry("b", "y")])
