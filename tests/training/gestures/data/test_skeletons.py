"""Clips as arrays: centred and scaled as a whole, so that motion stays."""

from dataclasses import replace

import numpy as np
import pytest

from stream.skeleton import COUNT, INDEX
from training.gestures.data.skeletons import normal, read, square_of
from training.gestures.points import POINTS_22, POINTS_36


def test_clips_lie_one_after_the_other(gesture_store, clips, skeletons):
    assert len(skeletons.starts) == len(clips) + 1
    assert skeletons.lengths.tolist() == [c.ticks for c in clips]
    assert skeletons.points.shape == (skeletons.starts[-1], 36, 2)
    assert not skeletons.points[~skeletons.valid].any()
    i = len(clips) // 2
    recording = gesture_store.recording(clips[i].video)
    own = skeletons.valid[skeletons.starts[i] : skeletons.starts[i + 1]]
    there = recording.present[clips[i].first : clips[i].last + 1, None]
    expected = recording.valid[clips[i].first : clips[i].last + 1][:, POINTS_36.points] & there
    np.testing.assert_array_equal(own, expected)


def test_shoulders_are_a_unit_apart_around_the_centre(skeletons):
    left, right = (POINTS_36.points.index(INDEX[f"{s}_shoulder"]) for s in ("left", "right"))
    both = skeletons.valid[:, [left, right]].all(1)
    apart = np.linalg.norm(skeletons.points[both, left] - skeletons.points[both, right], axis=-1)
    assert np.median(apart) == pytest.approx(1, abs=0.05)
    assert np.abs(skeletons.points[both, POINTS_36.points.index(INDEX["neck"])]).mean() < 0.5


def test_one_frame_of_reference_a_clip():
    """A person who walks across the clip still moves in it."""
    points, valid = np.zeros((10, COUNT, 2), np.float32), np.zeros((10, COUNT), np.bool_)
    names = [INDEX[n] for n in ("nose", "neck", "right_shoulder", "left_shoulder")]
    points[:, names] = [(100, 50), (100, 100), (60, 100), (140, 100)]
    points[:, names, 0] += np.arange(10)[:, None] * 8
    valid[:, names] = True
    centre, unit = normal(points, valid, 300)
    assert unit == 80
    moved = (points[:, names[1], 0] - centre[0]) / unit
    np.testing.assert_allclose(np.diff(moved), 0.1, rtol=1e-4)
    assert normal(points, np.zeros_like(valid), 300)[1] == 100
    assert normal(points, np.zeros_like(valid), 0)[1] == 1


def test_squares_hold_every_point(skeletons):
    for i in range(len(skeletons.lengths)):
        rows = slice(skeletons.starts[i], skeletons.starts[i + 1])
        seen = skeletons.points[rows][skeletons.valid[rows]]
        x, y, half = skeletons.squares[i]
        assert (np.abs(seen - [x, y]) <= half + 1e-5).all()
    assert square_of(np.zeros((2, 3, 2), np.float32), np.zeros((2, 3), np.bool_), 0.1) == (0.0, 0.5, 2.0)
    one = np.ones((1, 1, 2), np.float32), np.ones((1, 1), np.bool_)
    assert square_of(*one, 0.1) == (1.0, 1.0, 2.0)


def test_a_clip_beyond_its_video_is_nothing(gesture_store, clips):
    late = replace(clips[0], first=10**6, last=10**6 + 5)
    found = read(gesture_store, [late, clips[0]], POINTS_22)
    assert found.lengths.tolist() == [1, clips[0].ticks]
    assert not found.valid[0].any()
    assert np.isfinite(found.points).all()
