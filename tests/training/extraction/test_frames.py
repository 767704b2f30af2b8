"""Portraits for the baseline that looks at pictures: evenly spaced, of somebody, kept whole or not at all."""

from dataclasses import replace
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest

from stream.branches.image import crop_portrait
from stream.errors import SourceError, UsageError
from stream.records import Portrait
from training.corpus.recording import Recording
from training.extraction import frames
from training.simulator.rendering import ASSETS, read_video

pytestmark = pytest.mark.slow


def reencoded(path: Path, rate: int, count: int) -> Path:
    """The first frames of the built-in clip at another rate."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.pix_fmt = "yuv420p"
        stream.height, stream.width = next(read_video(ASSETS / "demo.mp4")).shape[:2]
        for picture in islice(read_video(ASSETS / "demo.mp4"), count):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return reencoded(tmp_path_factory.mktemp("clip") / "anna.mp4", 30, 90)


def test_evenly_spaced_portraits(clip, recording):
    picked = frames.pick(clip, recording, 16)
    assert picked.shape == (16, 224, 224, 3)
    pictures = list(read_video(clip))
    for i, tick in ((0, 2), (15, 72)):  # middles of the first and last sixteenth of 75 ticks
        source = next(j for j in range(90) if int(25 * j / 30 + 0.5) == tick)
        expected = crop_portrait(pictures[source], Portrait(tuple(recording.boxes[tick].tolist()), 1.0), 224)
        assert np.abs(picked[i].astype(int) - expected).mean() < 1
    others = [np.abs(picked[0].astype(int) - picture).mean() for picture in picked[1:]]
    assert min(others) > 0


def test_portraits_of_nobody_and_of_another_video(tmp_path, clip, recording):
    empty = frames.pick(clip, replace(recording, present=recording.present & False), 16)
    assert empty.shape == (0, 224, 224, 3)
    with pytest.raises(SourceError, match=r"found none of its pictures at [\d.]+ s; remove the recording"):
        frames.pick(reencoded(tmp_path / "anna.mp4", 30, 30), recording, 16)
    frames.write(tmp_path, "a", np.ones((16, 224, 224, 3), np.uint8))
    frames.write(tmp_path, "b", empty)
    assert frames.read(tmp_path, "a", 16).all()
    assert frames.read(tmp_path, "a", 8) is None
    assert len(frames.read(tmp_path, "b", 8)) == 0
    path = frames.path_of(tmp_path, "a")
    path.write_bytes(path.read_bytes()[:1000])
    assert frames.read(tmp_path, "a", 16) is None
    assert frames.read(tmp_path, "c", 16) is None


@pytest.fixture
def recording():
    """Somebody in the same place for the 75 ticks of the clip."""
    ticks = 75
    return Recording(
        points=np.zeros((ticks, 137, 2), np.float32),
        valid=np.ones((ticks, 137), np.bool_),
        boxes=np.tile(np.array([200.0, 40.0, 440.0, 460.0], np.float32), (ticks, 1)),
        present=np.ones(ticks, np.bool_),
        segments=np.ones(ticks, np.int64),
        features=None,
        feature_mask=np.zeros(15, np.bool_),
        text=None,
        label=1,
        subject="anna",
        llr=None,
        provenance="",
    )


@pytest.mark.parametrize(("ticks", "count", "expected"), [(16, 4, [2, 6, 10, 14]), (2, 4, [0, 0, 1, 1])])
def test_middles_of_equal_stretches(ticks, count, expected):
    assert frames.pick_frames(ticks, count).tolist() == expected
    with pytest.raises(UsageError, match="expected at least one frame to pick from and one to pick"):
        frames.pick_frames(0, count)
