"""What a run learns from: inputs of every branch at their shape, and what is refused."""

from dataclasses import replace

import msgspec
import pytest

from stream.errors import UsageError
from training.gestures.runs import materials
from training.gestures.runs.materials import from_corpus


def test_parts_hold_every_clip_once(ground):
    places = [i for part in ground.parts.named().values() for i in part]
    assert sorted(places) == list(range(len(ground.clips)))
    assert ground.counts().sum() == len(ground.parts.train)


def test_the_mark_does_not_look_at_labels_of_a_pool(ground):
    poisoned = ground.labels.copy()
    for i in (*ground.parts.hidden, *ground.parts.test):
        poisoned[i] = (poisoned[i] + 5) % 32
    assert replace(ground, labels=poisoned).mark == ground.mark
    poisoned[ground.parts.train[0]] += 1
    assert replace(ground, labels=poisoned).mark != ground.mark


def test_skeletons_alone_have_no_picture_branches(quick_gestures, ground):
    with pytest.raises(UsageError, match="expected videos for the picture branches, found skeletons alone"):
        replace(ground, pictures=None, _cut={}).reader("swin3d", quick_gestures)


def test_light_skeletons_have_no_face(quick_gestures, ground, monkeypatch):
    found = ground.skeletons("36")
    valid = found.valid.copy()
    valid[:, list(found.set.groups["face"])] = False
    monkeypatch.setattr(materials, "read_skeletons", lambda *_: replace(found, valid=valid))
    with pytest.raises(UsageError, match="expected face points for the set of 36 points"):
        replace(ground, _skeletons={}).reader("joints", quick_gestures)


def test_another_split_is_named(quick_gestures, gesture_store, tmp_path):
    other = msgspec.structs.replace(
        quick_gestures, splitting=msgspec.structs.replace(quick_gestures.splitting, split="track3")
    )
    with pytest.raises(UsageError, match="expected a split with a train and a test part"):
        from_corpus(other, gesture_store, tmp_path)
