import os
from pathlib import Path

import pytest

from stream.capture.source import Source
from stream.errors import SourceError


@pytest.mark.parametrize(
    ("text", "kind", "name"),
    [
        ("http://host/a.m3u8", "http", "http://host/a.m3u8"),
        ("HTTPS://u:p@host/a", "http", "https://host/a"),
        ("rtsp://u:p@host:554/a", "rtsp", "rtsp://host:554/a"),
        ("rtsps://host/a?key=1", "rtsp", "rtsps://host/a?key=***"),
        ("rtmp://host/app/stream", "rtmp", "rtmp://host/app/stream"),
        ("pattern", "pattern", "pattern"),
    ],
)
def test_kinds(text: str, kind: str, name: str) -> None:
    source = Source.parse(text, show_url=True)
    assert (source.kind, source.name.lower(), source.live) == (kind, name, True)


def test_a_file_is_not_live(clip: Path) -> None:
    source = Source.parse(str(clip))
    assert (source.kind, source.url, source.live) == ("file", str(clip), False)
    assert Source.parse(f"file://{clip}").url == str(clip)


def test_pictures_are_known_by_their_first_bytes(tmp_path: Path) -> None:
    picture = tmp_path / "picture.mp4"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 20)
    assert Source.parse(str(picture)).kind == "picture"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rtsp://u:S3cret@host:554/S3cret", "rtsp://host:554 ("),
        ("rtmp://host/app/S3cret", "rtmp://host ("),
        ("http://host/user=a_password=S3cret", "http://host ("),
        ("http://host/x?a=1;token=S3cret", "http://host ("),
        ("http://host/x?tok%65n=S3cret", "http://host ("),
        ("http://[::1]:80/S3cret", "http://[::1]:80 ("),
        ("rtsp://u:S3cret/rest@host/x", "rtsp://… ("),
        ("rtsp://u:55/S3cret@host/x", "rtsp://… ("),
        ("rtsp://u:S3cret@with@host/x", "rtsp://host ("),
    ],
)
def test_nothing_of_user_path_or_query_is_shown(text: str, shown: str) -> None:
    name = Source.parse(text).name
    assert name.startswith(shown)
    assert "S3cret" not in name
    assert name != Source.parse(text + "2").name, "two streams of one host can be told apart"
    assert Source.parse(text, name="Court 1").name == "Court 1"


def test_an_address_without_a_host_shows_nothing_either() -> None:
    with pytest.raises(SourceError) as refused:
        Source.parse("http:////u:S3cret@h")
    assert "S3cret" not in str(refused.value)


def test_neither_repr_nor_name_tells_a_password() -> None:
    source = Source.parse("rtsp://admin:hunter2@cam/press?token=hunter2")
    assert "hunter2" in source.url
    assert "hunter2" not in f"{source} {source!r} {source.name}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("  ", "empty"),
        ("a\0b", "unprintable"),
        ("/nowhere/at/all.mp4", "no such file"),
        ("/dev/video99", "no such video device"),
        ("/dev/null", "neither a file nor a video device"),
        ("ftp://u:hunter2@host/x.mp4", "scheme 'ftp'"),
        ("concat:a.mp4|b.mp4", "no such file"),
        ("rtsp://", "names no host"),
        ("http:///path", "names no host"),
        ("http://:80/path", "names no host"),
        ("x" * 5000, "cannot be read"),
    ],
)
def test_what_cannot_be_a_source(text: str, words: str) -> None:
    with pytest.raises(SourceError) as caught:
        Source.parse(text)
    assert words in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_directory_and_empty_file(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="is a directory"):
        Source.parse(str(tmp_path))
    (tmp_path / "empty.mp4").touch()
    with pytest.raises(SourceError, match="is empty"):
        Source.parse(str(tmp_path / "empty.mp4"))
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(SourceError, match="neither a file nor"):
        Source.parse(str(tmp_path / "pipe.mp4"))
