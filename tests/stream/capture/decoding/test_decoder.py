"""One opened source in this process: what it announces, its pictures, and how it says that it cannot."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stream.capture.decoding.decoder import Decoder
from stream.capture.shared_frames import Control
from stream.errors import SourceError

Film = Callable[..., Path]


@contextmanager
def opened(path: Path, **changes: Any) -> Iterator[tuple[Decoder, Control]]:
    request = {
        "kind": "file",
        "url": str(path),
        "name": path.name,
        "picture_format": None,
        "start_at_s": 0.0,
        "follow": False,
        "read_timeout_s": 8.0,
        "open_timeout_s": 8.0,
        "deadline": time.monotonic() + 8.0,
        **changes,
    }
    control = Control(Control.create())
    decoder = Decoder(request, control)
    try:
        yield decoder, control
    finally:
        decoder.close()


def test_it_announces_its_source_and_gives_every_picture(
    clip: Path, read_number: Callable[[np.ndarray], int]
) -> None:
    with opened(clip) as (decoder, control):
        info = decoder.info
        assert (info.width, info.height, info.fps, info.codec) == (160, 96, 25.0, "h264")
        assert info.duration_s == pytest.approx(1.2)
        found = [(picture.pts, read_number(picture.render())) for picture in decoder.pictures()]
    assert found == [(pytest.approx(i / 25), i) for i in range(30)]
    assert control.get("errors") == 0


@pytest.mark.parametrize(("at_s", "first"), [(0.04, 1), (0.5, 13), (1.16, 29)])
def test_it_begins_at_the_moment_and_counts_the_way_there_as_progress(
    clip: Path, read_number: Callable[[np.ndarray], int], at_s: float, first: int
) -> None:
    with opened(clip, start_at_s=at_s) as (decoder, control):
        assert read_number(next(decoder.pictures()).render()) == first
        key_frame = first // 12 * 12
        assert control.get("progress") >= first - key_frame


def test_a_moment_behind_the_end(clip: Path) -> None:
    with (
        opened(clip, start_at_s=7.0) as (decoder, _),
        pytest.raises(SourceError, match=r"lasts 1\.20 s and has nothing at 7 s") as refused,
    ):
        next(decoder.pictures())
    assert refused.value.code == "not_found"


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"no film at all" * 99, "corrupt"), (bytes(50_000), "corrupt"), (None, "not_found")],
)
def test_what_cannot_be_opened(content: bytes | None, code: str, tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SourceError, match=r"^film\.mp4") as refused, opened(path):
        pass
    assert refused.value.code == code


def test_damage_in_a_file_is_counted_and_played_over(make_video: Film, tmp_path: Path) -> None:
    path = make_video(tmp_path / "film.mp4", count=60, gop=5, options={"movflags": "faststart"})
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 400] = b"\xff" * 400
    path.write_bytes(data)
    with opened(path) as (decoder, control):
        pictures = list(decoder.pictures())
    assert control.get("errors") + sum(picture.corrupt for picture in pictures) > 0
    assert 40 < len(pictures) <= 60
    assert pictures[-1].pts == pytest.approx(59 / 25)


def test_no_picture_at_all_is_one_sentence(make_video: Film, tmp_path: Path) -> None:
    path = make_video(tmp_path / "film.mp4", count=10, options={"movflags": "faststart"})
    data = bytearray(path.read_bytes())
    start = data.index(b"mdat") + 4
    data[start:] = b"\xff" * (len(data) - start)
    path.write_bytes(data)
    with (
        opened(path) as (decoder, _),
        pytest.raises(SourceError, match="no picture could be decoded") as found,
    ):
        list(decoder.pictures())
    assert found.value.code == "corrupt"
