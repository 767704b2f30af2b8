"""What leaves this machine has pictures and nothing else."""

import subprocess
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from stream.describing import picture_only
from stream.describing.picture_only import digest, muted, seconds
from stream.errors import SourceError, UsageError

SECRET = "Federer wins"


def film(path: Path, codec: str = "libx264", *, count: int = 60, sound: bool = True, gop: int = 10) -> Path:
    """A film of 20 pictures a second with sound, a title and a place that tell all."""
    with av.open(str(path), "w") as out:
        out.metadata.update({"title": SECRET, "comment": SECRET, "location": "+51.4-0.2/"})
        calm = {"sc_threshold": "0"} if codec == "libx264" else {}  # key pictures where gop says, no others
        video = out.add_stream(codec, rate=20, options=calm)
        video.width, video.height, video.pix_fmt = 64, 48, "yuvj420p" if codec == "mjpeg" else "yuv420p"
        video.gop_size = gop
        video.metadata["title"] = SECRET
        audio = None
        if sound:
            audio = out.add_stream("opus" if path.suffix == ".webm" else "mp2", rate=48000)
            audio.metadata["title"] = SECRET
        for number in range(count):
            picture = np.full((48, 64, 3), number * 4, np.uint8)
            picture[:, : number % 64] = 255
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 20)
            out.mux(video.encode(frame))
        out.mux(video.encode())
        if audio is not None:
            tone = np.zeros((1, 48000), np.int16)
            heard = av.AudioFrame.from_ndarray(tone, format="s16", layout="mono")
            heard.sample_rate, heard.pts, heard.time_base = 48000, 0, Fraction(1, 48000)
            resampler = av.AudioResampler(format=audio.format, layout=audio.layout, rate=audio.rate)
            for piece in resampler.resample(heard):
                out.mux(audio.encode(piece))
            out.mux(audio.encode())
    return path


def pictures(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as given:
        return [frame.to_ndarray(format="gray") for frame in given.decode(video=0)]


def test_a_full_disk_is_not_the_videos_fault(tmp_path, monkeypatch):
    source = film(tmp_path / "a.mp4")
    (tmp_path / "out").mkdir()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(picture_only, "_copy", full)
    with pytest.raises(UsageError, match=r"room for a copy of a\.mp4 .* No space left .*; make room"):
        muted(source, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    ("name", "codec", "suffix"),
    [
        ("a.mp4", "libx264", ".mp4"),
        ("a.mkv", "libx264", ".mp4"),
        ("a.ts", "libx264", ".mp4"),
        ("a.mov", "mpeg4", ".mp4"),
        ("a.avi", "mpeg4", ".mp4"),
        ("a.webm", "libvpx", ".webm"),
        ("a.mkv", "mjpeg", ".avi"),
        ("a.flv", "flv1", ".avi"),
    ],
)
def test_the_pictures_stay_and_all_else_goes(tmp_path, name, codec, suffix):
    source = film(tmp_path / name, codec, sound=not name.endswith(".flv"))
    (tmp_path / "out").mkdir()
    target = muted(source, tmp_path / "out")
    assert target.suffix == suffix
    with av.open(str(target)) as given:
        assert [s.type for s in given.streams] == ["video"]
        told = {**given.metadata, **given.streams[0].metadata}
    assert SECRET.encode() not in target.read_bytes()
    assert "location" not in told
    assert np.array_equal(pictures(source), pictures(target))
    assert seconds(target) == pytest.approx(3.0, abs=0.1)


def test_the_name_is_of_the_content_and_the_same_each_time(tmp_path):
    source = film(tmp_path / "federer-wins.mp4")
    target = muted(source, tmp_path)
    assert target.stem == digest(target)[:32]
    assert muted(source, tmp_path) == target
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([source.name, target.name])


def test_a_part_begins_at_a_key_picture(tmp_path):
    source = film(tmp_path / "a.mp4", count=60, gop=10)
    target = muted(source, tmp_path, start_s=1.2, end_s=2.0)
    shown = pictures(target)
    assert 20 <= len(shown) <= 22  # pictures that others need may come after the end
    assert np.array_equal(shown, pictures(source)[20 : 20 + len(shown)])
    assert seconds(target) == pytest.approx(1.05, abs=0.06)


def test_a_part_of_a_source_whose_clock_is_elsewhere(tmp_path):
    source = film(tmp_path / "a.ts")  # MPEG-TS begins at 1.4 s
    assert len(pictures(muted(source, tmp_path, start_s=1.0, end_s=2.0))) in (20, 21, 22)


def test_a_cover_is_no_video(tmp_path):
    song = tmp_path / "song.m4a"
    with av.open(str(song), "w", format="mp4") as out:
        cover = out.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 32, 32, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
        frame.pts = 0
        out.mux(cover.encode(frame))
        out.mux(cover.encode())
    with av.open(str(song)) as given:
        assert len(given.streams.video) == 1
    with pytest.raises(SourceError, match="expected a video, found none"):
        muted(song, tmp_path)


@pytest.mark.parametrize("content", [b"", b"not a film", bytes(5000)])
def test_no_video_is_one_sentence_and_leaves_nothing(tmp_path, content):
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    with pytest.raises(SourceError, match="expected a video"):
        muted(path, tmp_path)
    with pytest.raises(SourceError, match="expected a video"):
        seconds(path)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("part", [{"end_s": 0.0}, {"start_s": 9.0}, {"start_s": 2.6, "end_s": 1.0}])
def test_a_part_without_pictures_is_one_sentence(tmp_path, part):
    source = film(tmp_path / "a.mp4")
    with pytest.raises(SourceError, match="no picture in this part"):
        muted(source, tmp_path, **part)
    assert list(tmp_path.iterdir()) == [source]


def test_the_digest_is_sha256(tmp_path):
    path = film(tmp_path / "a.mp4")
    said = subprocess.run(["sha256sum", path], capture_output=True, text=True, check=True).stdout.split()[0]
    assert digest(path) == said
