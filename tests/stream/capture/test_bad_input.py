"""Damaged and wrong files: one sentence or what can be played, never a hang or a crash."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from stream.capture.capture import Capture
from stream.capture.source import Source
from stream.errors import SourceError
from stream.records import Frame


def play(path: Path) -> tuple[list[Frame], Capture]:
    with Capture(Source.parse(str(path)), pace="fast", open_timeout_s=8, read_timeout_s=8) as capture:
        capture.open()
        frames = []
        while not capture.ended:
            frame = capture.next(1.0)
            if frame is not None:
                frames.append(frame)
    return frames, capture


def refused(path: Path) -> str:
    with pytest.raises(SourceError) as caught:
        play(path)
    text = str(caught.value)
    assert "\n" not in text
    assert str(path) in text
    return text


@pytest.mark.parametrize(
    "text",
    [
        "just some text\n" * 50,
        "\x1b[31mred\x1b[0m\n" * 50,
        "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile /etc/hostname\n",
        "1\n00:00:01,000 --> 00:00:02,000\nsubtitle\n",
        "x",
    ],
)
def test_text_under_the_name_of_a_video(text: str, tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text(text)
    refused(tmp_path / "text.mp4")


def test_audio_only(audio_only: Path) -> None:
    assert "holds no video, found only audio" in refused(audio_only)


def test_random_bytes_and_zeros(tmp_path: Path) -> None:
    (tmp_path / "noise.mp4").write_bytes(np.random.default_rng(0).bytes(50_000))
    refused(tmp_path / "noise.mp4")
    (tmp_path / "zeros.mp4").write_bytes(bytes(50_000))
    refused(tmp_path / "zeros.mp4")


def test_cut_short_without_its_index(clip: Path, tmp_path: Path) -> None:
    (tmp_path / "cut.mp4").write_bytes(clip.read_bytes()[:3000])
    assert "damaged, cut short or no video" in refused(tmp_path / "cut.mp4")


@pytest.mark.parametrize("name", ["long.mp4", "long.ts", "long.mkv"])
def test_cut_short_plays_what_is_there(
    name: str, make_video: Callable[..., Path], read_number: Callable[..., int], tmp_path: Path
) -> None:
    options = {"movflags": "faststart"} if name.endswith("mp4") else None
    path = make_video(tmp_path / name, count=80, options=options)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    frames, capture = play(path)
    assert 10 < len(frames) < 70
    assert [read_number(frame.image) for frame in frames[:10]] == list(range(10))
    assert capture.counters["decoded"] == len(frames) + sum(capture.counters["dropped"].values())


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("name", ["flip.mp4", "flip.ts"])
def test_flipped_bits_play_what_can_be_played(
    name: str, seed: int, make_video: Callable[..., Path], tmp_path: Path
) -> None:
    options = {"movflags": "faststart"} if name.endswith("mp4") else None
    path = make_video(tmp_path / name, count=80, options=options)
    data = bytearray(path.read_bytes())
    random = np.random.default_rng(seed)
    for at in random.integers(len(data) // 3, len(data), 30):
        data[at] ^= 1 << int(random.integers(8))
    path.write_bytes(data)
    frames, capture = play(path)
    counters = capture.counters
    assert 10 < len(frames) <= 80
    if name.endswith("mp4"):  # in a transport stream a flip may hit padding, or cost whole packets silently
        assert counters["errors"] + counters["dropped"]["corrupt"] > 0
    assert counters["decoded"] == counters["taken"] + sum(counters["dropped"].values())
    assert all(frame.image.shape == frames[0].image.shape for frame in frames[:10])


@pytest.mark.parametrize("seed", range(8))
def test_flipped_bits_in_the_headers_end_in_frames_or_a_sentence(
    seed: int, make_video: Callable[..., Path], tmp_path: Path
) -> None:
    path = make_video(tmp_path / "head.mp4", count=20, options={"movflags": "faststart"})
    data = bytearray(path.read_bytes())
    random = np.random.default_rng(seed)
    for at in random.integers(0, 1200, 12):
        data[at] ^= 1 << int(random.integers(8))
    path.write_bytes(data)
    try:
        frames, _ = play(path)
    except SourceError:
        refused(path)
    else:
        assert len(frames) <= 20


def test_a_picture_that_is_cut_short(tmp_path: Path) -> None:
    (tmp_path / "cut.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(30))
    refused(tmp_path / "cut.png")
