"""Which video stream is played: the default, else the largest, or the one that was asked for."""

from types import SimpleNamespace
from typing import Any

import pytest
from av.stream import Disposition

from stream.capture.decoding.streams import choose
from stream.errors import SourceError

NONE = Disposition(0)


def video(width: int, height: int, codec: str | None = "h264", disposition: Disposition = NONE) -> Any:
    context = None if codec is None else SimpleNamespace(name=codec)
    return SimpleNamespace(
        type="video", width=width, height=height, codec_context=context, disposition=disposition
    )


class Streams(list[Any]):
    @property
    def video(self) -> list[Any]:
        return [stream for stream in self if stream.type == "video"]


def container(*videos: Any, also: tuple[str, ...] = ()) -> Any:
    streams = Streams([*videos, *(SimpleNamespace(type=kind) for kind in also)])
    return SimpleNamespace(streams=streams)


SMALL, LARGE = video(640, 360), video(1920, 1080)
DEFAULT = video(320, 180, disposition=Disposition.default)
COVER = video(3000, 3000, "mjpeg", Disposition.attached_pic)


@pytest.mark.parametrize(
    ("videos", "wanted", "chosen", "others"),
    [
        ((SMALL,), None, SMALL, ()),
        ((SMALL, LARGE), None, LARGE, ("640×360",)),
        ((SMALL, DEFAULT, LARGE), None, DEFAULT, ("640×360", "1920×1080")),
        ((SMALL, LARGE), 0, SMALL, ("1920×1080",)),
        ((COVER, SMALL), None, SMALL, ()),
        ((COVER, SMALL), 0, SMALL, ()),
    ],
)
def test_the_choice(
    videos: tuple[Any, ...], wanted: int | None, chosen: Any, others: tuple[str, ...]
) -> None:
    found, rest = choose(container(*videos), "film.mp4", wanted)
    assert found is chosen
    assert rest == others


def test_the_first_of_equals() -> None:
    first, second = video(640, 360), video(640, 360)
    assert choose(container(first, second), "film.mp4", None)[0] is first


@pytest.mark.parametrize(
    ("found", "wanted", "code", "words"),
    [
        (container(), None, "no_video", "found no stream at all"),
        (container(also=("subtitle", "audio", "audio")), None, "no_video", "found only audio, subtitle"),
        (container(COVER, also=("audio",)), None, "no_video", "found only audio"),
        (container(SMALL, LARGE), 2, "unreadable", "expected --stream 0 to 1, found 2"),
        (container(SMALL, LARGE), -1, "unreadable", "found -1"),
        (container(video(1, 1, None)), None, "codec", "cannot be decoded here"),
        (container(video(640, 400, "ansi")), None, "no_video", "is text, not video"),
    ],
)
def test_what_cannot_be_played(found: Any, wanted: int | None, code: str, words: str) -> None:
    with pytest.raises(SourceError) as refused:
        choose(found, "film.mp4", wanted)
    assert refused.value.code == code
    assert words in str(refused.value)
    assert str(refused.value).startswith("film.mp4")
