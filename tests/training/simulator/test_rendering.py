"""Clips: H.264 at 25 frames a second, repeatable, with a note that says what is in them."""

import json

import av
import numpy as np
import pytest

from training.simulator.behaviour import DEMO, NOTICE
from training.simulator.performance import perform
from training.simulator.rendering import ASSETS, PARTS, SEED, make_clip, read_video, write_video

SHORT = (("loss", 0.6), ("win", 1.0))


def test_a_clip_is_h264_and_repeats(tmp_path):
    first, second = tmp_path / "a.mp4", tmp_path / "b.mp4"
    performance = make_clip(first, SHORT, seed=4)
    make_clip(second, SHORT, seed=4)
    assert first.read_bytes() == second.read_bytes()
    with av.open(str(first)) as container:
        video = container.streams.video[0]
        assert video.codec_context.name == "h264"
        assert video.average_rate == 25
        assert (video.width, video.height) == (640, 480)
        assert sum(1 for _ in container.decode(video)) == 40 == len(performance.activations)
    assert not list(tmp_path.glob(".*"))


def test_the_note_names_behaviour_events_and_what_it_is_not(tmp_path):
    performance = make_clip(tmp_path / "clip.mp4", SHORT, seed=5)
    note = json.loads((tmp_path / "clip.json").read_text())
    assert note["notice"] == NOTICE
    assert [p["behaviour"] for p in note["parts"]] == ["loss", "win"]
    assert [e["action"] for e in note["events"]] == [e.action for e in performance.events]
    assert note["profile"] == "demo"


def test_parts_played_in_the_other_order_go_the_other_way():
    there = perform(DEMO, PARTS, np.random.default_rng(SEED))
    back = perform(DEMO, (("win", 30.0), ("loss", 60.0)), np.random.default_rng(SEED))
    assert there.llr[749] < -20
    assert there.llr[-1] > 20
    assert back.llr[749] > 20
    assert back.llr[-1] < -20


def test_the_built_in_clip_is_what_its_note_and_the_code_say():
    path = ASSETS / "demo.mp4"
    note = json.loads(path.with_suffix(".json").read_text())
    assert path.stat().st_size < 4e6
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        assert video.codec_context.name == "h264"
        assert video.frames == 2250
        assert video.average_rate == 25
    assert note["notice"] == NOTICE
    performance = perform(DEMO, PARTS, np.random.default_rng([note["seed"], 25]))
    assert note["seed"] == SEED
    assert [(e["action"], e["start"]) for e in note["events"]] == [
        (e.action, round(e.start, 3)) for e in performance.events
    ]
    thirty, ninety = note["log_likelihood_ratio"].values()
    assert thirty < -20
    assert ninety > 20


def test_the_clip_says_what_it_is_in_the_picture():
    picture = next(read_video(ASSETS / "demo.mp4"))
    caption = picture[418:452, 510:636].astype(int)  # light letters on the dark table
    assert (caption.min(-1) > 120).mean() > 0.02
    assert np.median(caption) < 60


def test_a_failed_write_leaves_nothing(tmp_path):
    def pictures():
        yield np.zeros((48, 64, 3), np.uint8)
        raise RuntimeError("the renderer stopped")

    with pytest.raises(RuntimeError):
        write_video(tmp_path / "x.mp4", pictures())
    assert not list(tmp_path.iterdir())
