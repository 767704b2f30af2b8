"""What `corpus check` counts of gestures: classes, durations, overlap, and what does not fit the videos."""

from dataclasses import replace

import numpy as np
import pytest

from stream.bundle.manifest import Extractor
from training.corpus.check import report, table
from training.corpus.store import About, Writer
from training.simulator.behaviour import PROFILES
from training.simulator.recordings import simulate

ABOUT = About(
    name="made-up", provenance="a test", licence="Apache-2.0", simulated=True,
    extractors={"keypoints": Extractor(name="simulator", sha256="none")},
)  # fmt: skip


def rows(*found):
    return np.array([(*one, i) for i, one in enumerate(found)], np.int32).reshape(-1, 4)


def stored(folder, *tracks):
    writer = Writer(folder, ABOUT)
    for i, track in enumerate(tracks):
        recording = simulate(PROFILES["standard"], i % 2, 4.0, i)
        recording = replace(recording, valid=np.ones_like(recording.valid), points=recording.points + 1)
        writer.add(f"r{i}", replace(recording, present=np.ones(100, np.bool_), gestures=track))
    return writer.finish({})


def test_check_counts_them(tmp_path):
    store = stored(
        tmp_path / "c", rows((3, 0, 24), (3, 10, 34), (31, 50, 50), (-1, 60, 69)), rows((7, 90, 104)), None
    )
    found = report(store).gestures
    assert found is not None
    assert (found.recordings, found.gestures, found.hidden, found.outside) == (2, 5, 1, 1)
    assert found.classes == {3: 2, 7: 1, 31: 1}
    assert found.ratio == 2
    assert found.illustrative == 0.25
    assert found.durations[3].median == 1.0
    assert found.durations[31].median == 0.04
    assert found.covered == pytest.approx((35 + 1 + 10 + 10) / 200)
    assert found.overlap == pytest.approx(15 / 56)
    assert found.unseen == 0
    text = table(report(store))
    assert "gestures: 5 in 2 recordings, 1 of a hidden class" in text
    assert "always illustrative: 25.0% top-1" in text
    assert "1 end after their video" in text
    assert " 3 touching or scratching head" in text


def test_check_sees_gestures_of_nobody(tmp_path):
    writer = Writer(tmp_path, ABOUT)
    recording = simulate(PROFILES["standard"], 0, 4.0, 0)
    valid = np.ones_like(recording.valid)
    valid[10:20] = False
    writer.add("r", replace(recording, valid=valid, present=valid.any(1), gestures=rows((3, 0, 19))))
    found = report(writer.finish({})).gestures
    assert found is not None
    assert found.unseen == 0.5


def test_a_corpus_without_gestures_says_nothing(tmp_path):
    store = stored(tmp_path / "c", None)
    assert report(store).gestures is None
    assert "gestures" not in table(report(store))
