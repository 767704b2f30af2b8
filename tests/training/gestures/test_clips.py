"""The clip index, and parts that share no subject."""

from dataclasses import replace

import numpy as np
import pytest

from stream.bundle.manifest import Extractor
from stream.errors import UsageError
from training.corpus.store import About, Split, Store, Writer
from training.gestures.clips import Clip, Parts, check_parts, divide, index_of
from training.simulator.behaviour import PROFILES
from training.simulator.recordings import simulate

ABOUT = About(
    name="made-up", provenance="a test", licence="Apache-2.0", simulated=True,
    extractors={"keypoints": Extractor(name="simulator", sha256="none")},
)  # fmt: skip


def stored(folder, subjects, rows=((3, 5, 9), (31, 12, 12)), disjoint=True) -> Store:
    writer = Writer(folder, ABOUT)
    for i, subject in enumerate(subjects):
        track = np.array([(*one, k) for k, one in enumerate(rows)], np.int32).reshape(-1, 4)
        writer.add(
            f"{i:04d}", replace(simulate(PROFILES["plain"], 0, 1.0, i), subject=subject, gestures=track)
        )
    ids = [f"{i:04d}" for i in range(len(subjects))]
    parts = {"train": tuple(ids[:-2]), "test": tuple(ids[-2:])}
    return writer.finish({"ours": Split(subject_disjoint=disjoint, parts=parts)})


def test_the_index_names_video_and_row(tmp_path):
    store = stored(tmp_path, "abcdef")
    clips = index_of(store)
    assert len(clips) == 12
    assert [c.id for c in clips[:3]] == ["0000_0", "0000_1", "0001_0"]
    assert clips[1] == Clip("0000", 1, 31, "a", 12, 12)
    assert [c.ticks for c in clips[:2]] == [5, 1]


def test_nobody_is_in_two_parts(tmp_path):
    store = stored(tmp_path, [*"aabbccddeeff", "g", "h"])
    clips = index_of(store)
    parts = divide(store, clips, "ours", hidden=0.3, validation=0.2, seed=1)
    by_part = {name: {clips[i].subject for i in places} for name, places in parts.named().items()}
    assert by_part["test"] == {"g", "h"}
    assert [len(by_part[name]) for name in ("train", "hidden", "validation")] == [3, 2, 1]
    assert len(set.union(*by_part.values())) == 8
    assert parts.named() == divide(store, clips, "ours", hidden=0.3, validation=0.2, seed=1).named()
    assert parts.named() != divide(store, clips, "ours", hidden=0.3, validation=0.2, seed=2).named()


def test_a_hidden_class_teaches_nothing(tmp_path):
    store = stored(tmp_path, "abcdef", rows=((-1, 5, 9), (4, 12, 15)))
    clips = index_of(store)
    parts = divide(store, clips, "ours", hidden=0.25, validation=0.25)
    assert all(clips[i].label == 4 for i in (*parts.train, *parts.validation))
    assert {clips[i].label for i in parts.test} == {-1, 4}
    assert {clips[i].label for i in parts.hidden} == {-1, 4}


def test_what_is_refused(tmp_path):
    with pytest.raises(UsageError, match="expected recordings with gestures, found none"):
        index_of(stored(tmp_path / "none", "abc", rows=()))
    store = stored(tmp_path / "stranger", ["a", "unknown-0001", "c", "d", "e"])
    with pytest.raises(
        UsageError, match=r"expected a subject for every training video, found none for 1 \(0001"
    ):
        divide(store, index_of(store), "ours", hidden=0, validation=0.2)
    store = stored(tmp_path / "both", [*"abcd", "a", "e"], disjoint=False)
    with pytest.raises(
        UsageError, match=r"expected every subject in one part of the clips, found 1 in several"
    ):
        divide(store, index_of(store), "ours", hidden=0, validation=0.2)
    with pytest.raises(
        UsageError, match=r"expected a split with a train and a test part \(ours\), found track3"
    ):
        divide(store, index_of(store), "track3", hidden=0, validation=0.2)
    store = stored(tmp_path / "few", "abc")
    with pytest.raises(UsageError, match="expected training subjects enough for 1 in validation"):
        divide(store, index_of(store), "ours", hidden=0, validation=0.2)
    with pytest.raises(UsageError, match="expected clips in the train part, found none"):
        check_parts(index_of(store), Parts((), (), (0,), ()))
