"""Splits: published ones have the published counts, ours never share a subject and keep the balance."""

import numpy as np
import pytest

from stream.errors import UsageError
from training.corpus import published
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


def test_the_published_lists_have_the_published_counts():
    assert len(published.TRAIN_SUBJECTS) == 37
    assert len(published.TRACK3_TEST) == 104
    assert len(published.CVPR2021_TRAIN) == 102
    assert len(published.CVPR2021_TEST) == 100
    assert not published.CVPR2021_TRAIN & published.CVPR2021_TEST
    assert max(published.TRACK3_TEST | published.CVPR2021_TRAIN | published.CVPR2021_TEST) == 453


def everybody() -> list[Entry]:
    """359 videos with subjects as the protocol has them: 86 is of a test subject, 85 is not."""
    test = sorted(published.TRACK3_TEST - {85} | {86})
    listed = published.CVPR2021_TRAIN | published.CVPR2021_TEST | {85}
    rest = [*listed, *(i for i in range(1, 454) if i not in listed)]
    train = sorted([i for i in rest if i not in test][:255])
    theirs = sorted(set(range(1, 73)) - published.TRAIN_SUBJECTS)
    ours = sorted(published.TRAIN_SUBJECTS)
    found = [entry(f"{i:04d}", str(theirs[n % 35]), n % 2) for n, i in enumerate(test)]
    return found + [entry(f"{i:04d}", str(ours[n % 37])) for n, i in enumerate(train)]


def test_track_3_is_by_subject_and_says_where_the_public_list_differs():
    entries = everybody()
    split = published.imigue_splits(entries)["track3"]
    assert {part: len(ids) for part, ids in split.parts.items()} == {"train": 255, "test": 104}
    assert split.subject_disjoint
    assert "0086" in split.parts["test"]
    assert "0085" in split.parts["train"]
    assert "public list of test videos: 85, 86" in split.note
    assert "validation videos, unlisted, are in train" in split.note
    check_disjoint(split, entries)


def test_track_3_without_subjects_goes_by_the_list():
    entries = [entry(e.id, f"unknown-{e.id}", None) for e in everybody()]
    entries += [entry("0999", "2"), entry("0998", "12")]
    split = published.track3(entries)["track3"]
    assert len(split.parts["test"]) == 104
    assert split.parts["train"] == ("0999", "0998")
    assert "not as in" not in split.note
    assert published.track3(entries[:300]) == {}


def test_the_emotion_protocol_says_that_it_shares_subjects():
    entries = everybody()
    split = published.imigue_splits(entries)["cvpr2021"]
    assert {part: len(ids) for part, ids in split.parts.items()} == {"train": 102, "test": 100}
    assert not split.subject_disjoint
    assert shared_subjects(split, entries)
    check_disjoint(split, entries)
    claimed = Split(subject_disjoint=True, parts=split.parts)
    with pytest.raises(UsageError, match="cvpr: expected every subject in one part, found"):
        check_disjoint(claimed, entries, "cvpr")


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
