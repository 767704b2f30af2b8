"""Gestures on the grid: inclusive ends, other frame rates, hidden classes, and what `corpus check` counts."""

from dataclasses import replace

import numpy as np
import pytest

from stream.bundle.manifest import Extractor
from stream.errors import UsageError
from training.corpus import gestures
from training.corpus.store import About, Store, Writer
from training.simulator.behaviour import PROFILES
from training.simulator.recordings import simulate

ABOUT = About(
    name="made-up", provenance="a test", licence="Apache-2.0", simulated=True,
    extractors={"keypoints": Extractor(name="simulator", sha256="none")},
)  # fmt: skip


def rows(*found):
    return np.array([(*one, i) for i, one in enumerate(found)], np.int32).reshape(-1, 4)


def test_official_ids_become_classes():
    assert [gestures.class_of(n) for n in (1, 31, 99, 0)] == [0, 30, 31, -1]
    for wrong in (32, 98, 100, -1):
        with pytest.raises(ValueError, match=f"class {wrong}"):
            gestures.class_of(wrong)


def test_the_groups_hold_every_class_once():
    assert sorted(c for group in gestures.GROUPS.values() for c in group) == list(range(32))
    assert len(set(gestures.NAMES)) == gestures.CLASSES == 32


def test_the_last_frame_belongs_to_the_gesture():
    found = gestures.on_grid(np.array([[3, 10, 10], [31, 0, 24]]), 25.0)
    assert found.tolist() == [[3, 10, 10, 0], [31, 0, 24, 1]]
    assert gestures.lengths(found).tolist() == [1, 25]


def test_other_rates_land_on_the_tick_of_their_frame():
    """The same tick that the live side gives the frame, halves included."""
    from stream.window.grid import Grid

    for rate in (24.0, 29.97, 50.0, 60.0):
        grid, frames = Grid(25.0), np.arange(400)
        claimed = [grid.claim(f / rate) for f in frames]
        found = gestures.on_grid(np.column_stack([np.zeros(400), frames, frames]), rate)[:, 1]
        kept = [(f, tick) for f, tick in zip(frames, claimed, strict=True) if tick is not None]
        assert all(found[f] == tick for f, tick in kept)


def test_rows_keep_their_number_when_some_are_left_out():
    frames = np.array([[3, 10, 20, 0], [4, 30, 40, 2]])
    assert gestures.on_grid(frames, 25.0)[:, 3].tolist() == [0, 2]


def test_cover_counts_overlaps_and_cuts_at_the_end():
    found = gestures.cover(rows((0, 1, 3), (1, 3, 4), (2, 8, 12)), 10)
    assert found.tolist() == [0, 1, 1, 2, 1, 0, 0, 0, 1, 1]
    assert gestures.inside(rows((0, 1, 9), (1, 3, 10)), 10).tolist() == [True, False]


def test_a_gesture_beyond_the_video_is_a_tick_of_nothing():
    points, valid = np.ones((5, 3, 2), np.float32), np.ones((5, 3), np.bool_)
    assert len(gestures.cut(points, valid, 2, 2)[0]) == 1
    assert len(gestures.cut(points, valid, 3, 9)[0]) == 2
    nothing, seen = gestures.cut(points, valid, 7, 9)
    assert nothing.shape == (1, 3, 2)
    assert not seen.any()


def stored(folder, *tracks):
    writer = Writer(folder, ABOUT)
    for i, track in enumerate(tracks):
        recording = simulate(PROFILES["standard"], i % 2, 4.0, i)
        recording = replace(recording, valid=np.ones_like(recording.valid), points=recording.points + 1)
        writer.add(f"r{i}", replace(recording, present=np.ones(100, np.bool_), gestures=track))
    return writer.finish({})


def test_the_store_keeps_them(tmp_path):
    track = rows((3, 5, 9), (31, 9, 20))
    stored(tmp_path / "c", track, rows(), None)
    store = Store.open(tmp_path / "c")
    np.testing.assert_array_equal(store.recording("r0").gestures, track)
    assert store.recording("r0").gestures.dtype == np.int32
    assert store.recording("r1").gestures.shape == (0, 4)
    assert store.recording("r2").gestures is None


@pytest.mark.parametrize("wrong", [(32, 1, 2), (-2, 1, 2), (3, 2, 1), (3, -1, 2)])
def test_rows_that_are_no_gestures(tmp_path, wrong):
    with pytest.raises(UsageError, match=r"found row 1 to be none; correct the label file\."):
        stored(tmp_path / "c", rows((3, 1, 2), wrong))
    with pytest.raises(UsageError, match=r"expected gestures as int32 \[N, 4\], found int64 \[1, 4\]"):
        stored(tmp_path / "d", rows((3, 1, 2)).astype(np.int64))
