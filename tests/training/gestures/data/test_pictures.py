"""Pictures of clips: out of videos, kept once, taken up where a kill ended it."""

from dataclasses import replace

import av
import numpy as np
import pytest

from stream.errors import UsageError
from training.gestures.clips import index_of
from training.gestures.data import pictures
from training.gestures.data.pictures import Cut, VideoPictures, crop
from training.gestures.simulator import as_corpus
from training.gestures.simulator.drawn import DrawnPictures
from training.gestures.simulator.scenes import World

WORLD = World(seconds=20.0)


def video(path, frames=20, rate=25):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=rate)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for i in range(frames):
            image = np.full((48, 64, 3), 10 * i, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))


def test_frames_of_a_video_by_tick(tmp_path):
    video(tmp_path / "0001.mp4")
    found = VideoPictures(tmp_path, {"0001": 25.0}).cuts(
        "0001", [Cut(np.array([0, 7, 7, 40]), (0, 0, 48, 48), 8)]
    )
    assert found[0].shape == (4, 8, 8, 3)
    assert found[0].mean((1, 2, 3)) == pytest.approx([0, 70, 70, 190], abs=4)
    (tmp_path / "0002").mkdir()
    video(tmp_path / "0002" / "0002.mp4", rate=50)
    found = VideoPictures(tmp_path, {"0002": 50.0}).cuts("0002", [Cut(np.array([3]), (0, 0, 48, 48), 8)])
    assert found[0].mean() == pytest.approx(60, abs=4)
    with pytest.raises(UsageError, match=r"expected 0003.mp4 or 0003/0003.mp4, found neither"):
        VideoPictures(tmp_path, {}).cuts("0003", [])


def test_what_lies_outside_repeats_the_edge():
    picture = np.zeros((10, 10, 3), np.uint8)
    picture[:, 9] = 200
    found = crop(picture, (5, -5, 15, 5), 10)
    assert found.shape == (10, 10, 3)
    assert (found[:, :4] == 0).all()
    assert (found[:, 4:] == 200).all()
    assert crop(picture, (50, 50, 60, 60), 4).tolist() == np.full((4, 4, 3), 200).tolist()


def test_pictures_are_made_once(tmp_path, monkeypatch):
    store = as_corpus.write(tmp_path / "c", "made", WORLD, 3)
    clips = index_of(store)
    calls, real = [], DrawnPictures.cuts

    def counted(self, name, wanted):
        if len(calls) == 1 and not stopped:
            stopped.append(name)
            raise KeyboardInterrupt
        calls.append(name)
        return real(self, name, wanted)

    stopped: list[str] = []
    monkeypatch.setattr(DrawnPictures, "cuts", counted)
    make = DrawnPictures(WORLD)
    with pytest.raises(KeyboardInterrupt):
        pictures.prepare(store, clips, make, "saliency", 3, 16, tmp_path / "p")
    found = pictures.prepare(store, clips, make, "saliency", 3, 16, tmp_path / "p")
    assert found.shape == (len(clips), 3, 16, 16, 3)
    assert sorted(calls) == sorted({c.video for c in clips})
    assert (found.reshape(len(clips), -1).std(1) > 1).all()
    pictures.prepare(store, clips, make, "saliency", 3, 16, tmp_path / "p")
    assert len(calls) == 3
    pictures.prepare(store, clips[:-1], make, "saliency", 3, 16, tmp_path / "p")
    assert len(calls) > 3


def test_both_views_are_squares_and_blind_to_the_label(tmp_path):
    store = as_corpus.write(tmp_path / "c", "made", WORLD, 2)
    clips = index_of(store)
    for view in pictures.VIEWS:
        boxes = pictures.boxes_of(store, clips, view)
        assert all(b[2] - b[0] == pytest.approx(b[3] - b[1], rel=1e-4) for b in boxes)
        other = [replace(c, label=(c.label + 1) % 32) for c in clips]
        assert pictures.boxes_of(store, other, view) == boxes
