"""Pace fast: everything, in order, the same every time."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from stream.capture.capture import Capture
from stream.capture.decoding.pattern import read_number as read_pattern
from stream.capture.source import Source
from stream.errors import SourceError
from stream.records import Frame

Numbered = Callable[[np.ndarray], int]


def play(path: Path | str, *, start_at_s: float = 0.0) -> tuple[list[Frame], Capture]:
    with Capture(Source.parse(str(path)), pace="fast", start_at_s=start_at_s) as capture:
        capture.open()
        frames = []
        while not capture.ended:
            frame = capture.next(5.0)
            if frame is not None:
                frames.append(frame)
    return frames, capture


@pytest.mark.parametrize("rate", [24, 25, Fraction(30000, 1001), 50, 60])
def test_all_frames_in_order(
    rate: Fraction, make_video: Callable[..., Path], read_number: Numbered, tmp_path: Path
) -> None:
    frames, capture = play(make_video(tmp_path / "clip.mp4", rate=rate, count=20))
    assert [frame.index for frame in frames] == list(range(20))
    assert [read_number(frame.image) for frame in frames] == list(range(20))
    assert [frame.pts for frame in frames] == pytest.approx([i / float(rate) for i in range(20)], abs=1e-4)
    assert not any(frame.discontinuity for frame in frames)
    assert capture.info is not None
    assert capture.info.fps == pytest.approx(float(rate), rel=1e-3)
    assert (capture.info.width, capture.info.height, capture.info.codec) == (160, 96, "h264")
    assert capture.counters == {
        "decoded": 20,
        "taken": 20,
        "dropped": {"newest_wins": 0, "corrupt": 0, "late": 0, "behind": 0},
        "errors": 0,
        "stalls": 0,
        "segments": 0,
    }


def test_pixels_are_those_of_a_direct_decode_and_two_runs_agree(clip: Path) -> None:
    with av.open(str(clip)) as container:
        direct = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    first, second = play(clip)[0], play(clip)[0]
    assert len(first) == len(second) == len(direct) == 30
    for a, b, c in zip(first, second, direct, strict=True):
        assert a.image.dtype == np.uint8
        np.testing.assert_array_equal(a.image, c)
        np.testing.assert_array_equal(b.image, c)
        assert (a.index, a.pts) == (b.index, b.pts)


def test_a_slow_reader_loses_nothing(clip: Path, read_number: Numbered) -> None:
    with Capture(Source.parse(str(clip)), pace="fast") as capture:
        capture.open()
        seen = []
        while not capture.ended:
            frame = capture.next(0.0)  # polls, mostly in vain
            if frame is not None:
                seen.append(read_number(frame.image))
    assert seen == list(range(30))


@pytest.mark.parametrize("name", ["clip.mkv", "clip.ts", "clip.avi", "clip.h264"])
def test_containers(
    name: str, make_video: Callable[..., Path], read_number: Numbered, tmp_path: Path
) -> None:
    frames, _ = play(make_video(tmp_path / name, count=10))  # a bare .h264 carries no times
    assert [read_number(frame.image) for frame in frames] == list(range(10))
    steps = np.diff([frame.pts for frame in frames])
    np.testing.assert_allclose(steps, 0.04, atol=1e-3)


def test_media_time_starts_as_in_the_file(make_video: Callable[..., Path], tmp_path: Path) -> None:
    frames, _ = play(make_video(tmp_path / "clip.mkv", first=100, count=5))
    assert frames[0].pts == pytest.approx(4.0, abs=1e-3)


def test_size_changes_are_discontinuities(
    make_video: Callable[..., Path], read_number: Numbered, tmp_path: Path
) -> None:
    sizes = [(160, 96), (320, 192), (80, 48), (640, 384)]
    parts = [
        make_video(tmp_path / f"{i}.ts", size=size, count=10, first=10 * i).read_bytes()
        for i, size in enumerate(sizes)
    ]
    (tmp_path / "all.ts").write_bytes(b"".join(parts))
    frames, _ = play(tmp_path / "all.ts")
    assert [read_number(frame.image) for frame in frames] == list(range(40))
    assert [frame.index for frame in frames if frame.discontinuity] == [10, 20, 30]
    assert [frames[i].image.shape for i in (0, 10, 20, 30)] == [(h, w, 3) for w, h in sizes]


def test_a_media_clock_that_jumps_is_marked(make_video: Callable[..., Path], tmp_path: Path) -> None:
    late = make_video(tmp_path / "late.ts", first=200, count=10).read_bytes()
    early = make_video(tmp_path / "early.ts", first=0, count=10).read_bytes()
    (tmp_path / "joined.ts").write_bytes(late + early)
    frames, _ = play(tmp_path / "joined.ts")
    marked = [frame.index for frame in frames if frame.discontinuity]
    assert marked == [10]
    assert frames[10].pts < frames[9].pts


def test_rotation_is_applied(make_video: Callable[..., Path], read_number: Numbered, tmp_path: Path) -> None:
    frames, capture = play(make_video(tmp_path / "turned.mp4", rotation=90, count=5, first=5))
    assert frames[0].image.shape == (160, 96, 3)
    upright = np.rot90(frames[0].image, -1)
    assert read_number(upright) == 5
    assert capture.info is not None
    assert (capture.info.width, capture.info.height) == (96, 160)


def test_start_at(make_video: Callable[..., Path], read_number: Numbered, tmp_path: Path) -> None:
    path = make_video(tmp_path / "clip.mp4", count=60, gop=12)
    frames, _ = play(path, start_at_s=1.0)
    assert read_number(frames[0].image) == 25
    assert frames[0].pts == pytest.approx(1.0)
    assert len(frames) == 35
    with pytest.raises(SourceError, match=r"lasts 2\.40 s"):
        play(path, start_at_s=100.0)


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_a_picture_is_one_frame(suffix: str, tmp_path: Path) -> None:
    image = np.zeros((48, 64, 3), np.uint8)
    image[:, :32, 0] = 255
    path = tmp_path / f"100%d{suffix}"
    cv2.imwrite(str(path), image[..., ::-1])
    frames, capture = play(path)
    assert len(frames) == 1
    assert (frames[0].index, frames[0].pts) == (0, 0.0)
    np.testing.assert_allclose(frames[0].image, image, atol=0 if suffix == ".png" else 16)
    assert capture.info is not None
    assert (capture.info.width, capture.info.height) == (64, 48)


def test_pattern_counts_its_pictures() -> None:
    with Capture(Source.parse("pattern"), pace="fast") as capture:
        capture.open()
        frames = [capture.next(2.0) for _ in range(30)]
    assert [read_pattern(frame.image) for frame in frames if frame is not None] == list(range(30))
    assert [frame.pts for frame in frames if frame is not None] == [i / 25 for i in range(30)]


def test_use_out_of_order_is_one_sentence(clip: Path) -> None:
    capture = Capture(Source.parse(str(clip)), pace="fast")
    with pytest.raises(SourceError, match="not open"):
        capture.next(0.1)
    with capture:
        capture.open()
        with pytest.raises(SourceError, match="open already"):
            capture.open()
    with pytest.raises(SourceError, match="not open"):
        capture.next(0.1)
    capture.close()
