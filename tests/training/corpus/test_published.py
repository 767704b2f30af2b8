"""The published splits of iMiGUE have the published counts, and say where they share or differ."""

import pytest

from stream.errors import UsageError
from training.corpus import published
from training.corpus.index import Entry, Split
from training.corpus.protocols import check_disjoint, shared_subjects


def entry(id: str, subject: str, label: int | None = 1) -> Entry:
    return Entry(
        id=id, file=f"recordings/{id}.safetensors", subject=subject, label=label, ticks=100, seconds=4.0,
        source_rate=25.0, text=False, features=0, bad_points=0, size=1, sha256="",
    )  # fmt: skip


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
