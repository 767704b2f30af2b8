"""Videos as recordings: the same window as live, names and labels, portraits for the baseline."""

import shutil
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest

from stream.bundle.load import Bundle, demo_bundle
from stream.capture.capture import Capture
from stream.capture.source import Source
from stream.errors import SourceError, UsageError
from stream.frontend.mediapipe import embedded
from stream.runtime.analyzer import Analyzer
from training.corpus import labels
from training.corpus.labels import Label
from training.corpus.recording import feature_slots, inputs
from training.extraction import videos
from training.simulator.rendering import ASSETS, read_video

pytestmark = pytest.mark.slow

ANNA = Label("anna", 1, "A text.")


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


def encode(images: np.ndarray) -> np.ndarray:
    """In place of a network: some of the pixels."""
    return images.reshape(len(images), -1)[:, ::5000].astype(np.float32)


@pytest.fixture(scope="module")
def front_end(holistic_files):
    return embedded.from_folder(holistic_files, threads=1)


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return reencoded(tmp_path_factory.mktemp("clip") / "anna.mp4", 30, 90)


@pytest.fixture(scope="module")
def seen(clip, front_end):
    return videos.extract(clip, ANNA, front_end, encode=encode, size=126)


@pytest.mark.parametrize("rate", [30, 20])
def test_stream_equals_offline(tmp_path, holistic_files, front_end, rate):
    clip = reencoded(tmp_path / "a.mp4", rate, 3 * rate)
    told = []
    recording = videos.extract(clip, ANNA, front_end, encode=encode, size=126, report=told.append).recording
    bundle = Bundle.load(demo_bundle())
    live = Analyzer(bundle, embedded.from_folder(holistic_files, threads=1), mode="full")
    with Capture(Source.parse(str(clip)), pace="fast") as capture:
        capture.open()
        while not capture.ended:
            if (frame := capture.next(1.0)) is not None:
                live.observe(frame)
    n, spec = recording.ticks, bundle.manifest.window
    assert n == live.window.newest + 1
    assert told == [tick / 25 for tick in range(0, n, 25)]
    groups, masks = inputs(recording, spec)
    view = live.window.read(live.window.newest)
    for name in groups:
        assert masks[name].any() or name == "hands"  # below the picture in this clip
        assert np.array_equal(view.masks[name][-n:], masks[name])
        np.testing.assert_allclose(view.groups[name][-n:], groups[name], rtol=0, atol=1e-6)
        assert not view.masks[name][:-n].any()
    features, mask = feature_slots(recording, spec)
    assert live._portraits is not None
    waiting = {w.slot: w.crop for w in live._portraits._waiting}
    assert list(waiting) == np.flatnonzero(mask).tolist()
    assert len(waiting) == -(-n // 5)
    assert np.array_equal(features[mask], encode(np.stack(list(waiting.values()))))


def test_a_slower_source_leaves_ticks_empty(tmp_path, front_end):
    recording = videos.extract(reencoded(tmp_path / "a.mp4", 20, 20), ANNA, front_end).recording
    assert recording.features is None
    assert not recording.feature_mask.any()
    assert np.flatnonzero(~recording.present).tolist() == [2, 7, 12, 17, 22]  # 20 of 25


def test_what_a_recording_says(seen):
    recording = seen.recording
    assert (recording.subject, recording.label, recording.text, recording.llr) == ("anna", 1, "A text.", None)
    assert recording.provenance == "anna.mp4, through undertone's own front end"
    assert (seen.rate, seen.note) == (30.0, "")
    assert recording.present.all()


def test_no_video_is_one_sentence_and_a_cut_one_is_read_as_far_as_it_goes(tmp_path, clip, front_end):
    (tmp_path / "junk.mp4").write_bytes(b"junk" * 99)
    (tmp_path / "empty.mkv").write_bytes(b"")
    for name, why in (("junk.mp4", "not a video that can be read"), ("empty.mkv", r"empty \(0 bytes\)")):
        with pytest.raises(SourceError, match=f"{name} is {why}"):
            videos.extract(tmp_path / name, ANNA, front_end)
    whole = tmp_path / "whole.mkv"
    with av.open(str(clip)) as source, av.open(str(whole), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    (tmp_path / "cut.mkv").write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    found = videos.extract(tmp_path / "cut.mkv", ANNA, front_end)
    assert 10 < found.recording.ticks < 75


def test_videos_are_found_by_suffix(tmp_path):
    with pytest.raises(UsageError, match="expected a folder of videos, found none"):
        videos.find(tmp_path / "nowhere")
    for name in ("notes.txt", "._a.mp4", "cover.jpg"):
        (tmp_path / name).touch()
    with pytest.raises(UsageError, match=r"expected videos \(\.mp4, .*, found none"):
        videos.find(tmp_path)
    for name in ("b.2019.MP4", "a.mkv"):
        (tmp_path / name).touch()
    assert [path.name for path in videos.find(tmp_path).values()] == ["a.mkv", "b.2019.MP4"]
    assert list(videos.find(tmp_path)) == ["a", "b.2019"]
    shutil.copy(tmp_path / "a.mkv", tmp_path / "a.mov")
    with pytest.raises(UsageError, match=r"found a\.mkv and a\.mov; rename one"):
        videos.find(tmp_path)


def test_labels_name_videos_with_or_without_suffix(tmp_path):
    there = {"a": Path("a.mkv"), "b.2019": Path("b.2019.mp4"), "c": Path("c.mp4")}
    file = tmp_path / "labels.csv"
    file.write_text("id,subject,label\na,anna,win\nb.2019.mp4,bob,loss\nd,dora,win\n")
    named = videos.read_labels(file, there)
    assert named == {"a": Label("anna", 1), "b.2019": Label("bob", 0), "d": Label("dora", 1)}
    with pytest.raises(UsageError, match=r"found none for 1 \(d\)"):
        labels.check_known(named, there, file)
    file.write_text("id,subject,label\na,anna,win\na.mkv,anna,win\nc.mp4,cora,win\nc,cora,loss\n")
    with pytest.raises(UsageError, match="expected one label for video c, found two that differ"):
        videos.read_labels(file, there)
