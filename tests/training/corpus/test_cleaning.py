"""What is no number becomes invalid and is counted; what is unusual is noted."""

from dataclasses import replace

import numpy as np

from stream.bundle.manifest import Extractor
from training.corpus.recording import Recording
from training.corpus.store import About, Writer
from training.simulator.behaviour import PROFILES
from training.simulator.recordings import simulate

ABOUT = About(
    name="made-up",
    provenance="a test",
    licence="Apache-2.0",
    simulated=True,
    extractors={"keypoints": Extractor(name="simulator", sha256="0" * 64)},
)


def made(seed: int, seconds: float = 2.0, **changes) -> Recording:
    recording = simulate(PROFILES["standard"], seed % 2, seconds, seed)
    recording = replace(recording, present=recording.present & recording.valid.any(1))
    return replace(recording, **changes)


def test_numbers_that_are_none_become_invalid_and_are_counted(tmp_path):
    recording = made(0)
    points, boxes = recording.points.copy(), recording.boxes.copy()
    valid, present = np.ones((50, 137), np.bool_), np.ones(50, np.bool_)
    points[3, 5, 0], points[4, 6, 1], points[5, 7] = np.nan, np.inf, -np.inf
    boxes[9, 2] = np.nan
    features = np.ones((10, 4), np.float32)
    features[6, 1] = np.nan
    broken = replace(
        recording, points=points, boxes=boxes, valid=valid, present=present,
        features=features, feature_mask=np.ones(10, np.bool_),
    )  # fmt: skip
    writer = Writer(tmp_path, ABOUT)
    entry = writer.add("r0", broken)
    kept = writer.finish({}).recording("r0")
    assert entry.bad_points == 3
    assert "3 points were not finite numbers" in entry.note
    assert np.argwhere(~kept.valid).tolist() == [[3, 5], [4, 6], [5, 7]]
    assert not kept.points[~kept.valid].any()
    assert np.flatnonzero(~kept.present).tolist() == [9]
    assert np.flatnonzero(~kept.feature_mask).tolist() == [6]
    for name in ("points", "boxes", "features"):
        assert np.isfinite(getattr(kept, name)).all()


def test_empty_short_and_all_zero_videos_are_kept_and_noted(tmp_path):
    nothing = {"points": np.zeros((30, 137, 2), np.float32), "valid": np.zeros((30, 137), np.bool_)}
    zero = replace(made(0, seconds=1.2), **nothing)
    empty = replace(
        zero, points=zero.points[:0], valid=zero.valid[:0], boxes=zero.boxes[:0], present=zero.present[:0],
        segments=zero.segments[:0], feature_mask=zero.feature_mask[:0], llr=None,
    )  # fmt: skip
    writer = Writer(tmp_path, ABOUT)
    writer.add("zero", zero)
    writer.add("short", made(1, seconds=0.96))
    writer.add("empty", empty)
    store = writer.finish({})
    assert not store.recording("zero").present.any()
    assert store.entries["zero"].note == "nobody in any frame"
    assert store.entries["short"].note == "shorter than 25 ticks, training skips it"
    assert [store.entries[i].short for i in ("zero", "short", "empty")] == [False, True, True]
    assert store.recording("empty").points.shape == (0, 137, 2)
