"""After a seek the next key frame lies at or before the wanted moment, with an index and without."""

from collections.abc import Callable
from pathlib import Path

import av
import pytest

from stream.capture.decoding.seeking import seek


def key_frame_after_seek(path: Path, at_s: float) -> float:
    """Media seconds, from the start of the container, of the first key frame that is then read."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        start_us = container.start_time or 0
        assert seek(container, stream, start_us + int(at_s * 1e6))
        for packet in container.demux(stream):
            if packet.is_keyframe and packet.pts is not None:
                return float(packet.pts * packet.time_base) - start_us / 1e6
    raise AssertionError("no key frame after the seek")


@pytest.fixture(scope="module", params=["long.mp4", "long.mkv", "long.ts"])
def film(
    request: pytest.FixtureRequest, make_video: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Four seconds, a key frame every second."""
    return make_video(tmp_path_factory.mktemp("seek") / request.param, count=100, gop=25)


@pytest.mark.parametrize("at_s", [0.0, 0.5, 1.0, 2.3, 3.9])
def test_the_key_frame_is_not_behind_the_moment(film: Path, at_s: float) -> None:
    found = key_frame_after_seek(film, at_s)
    assert -0.1 <= found <= at_s + 1e-6 or (at_s == 0.0 and found < 0.1)


def test_with_an_index_it_is_the_nearest_one(make_video: Callable[..., Path], tmp_path: Path) -> None:
    path = make_video(tmp_path / "indexed.mp4", count=100, gop=25)
    assert key_frame_after_seek(path, 2.3) == pytest.approx(2.0, abs=0.05)


def test_what_cannot_seek_says_so_and_stands_where_it_stood(clip: Path, tmp_path: Path) -> None:
    class Unseekable:
        start_time = 0
        demuxed = 0

        def seek(self, at_us: int, *, backward: bool) -> None:
            raise av.error.PermissionError(1, "a pipe")

        def demux(self, stream: object) -> list[object]:
            self.demuxed += 1
            return []

    pipe = Unseekable()
    assert not seek(pipe, None, 1_000_000)  # type: ignore[arg-type]
    assert pipe.demuxed == 0, "reading on would lose pictures"


def test_a_container_that_lands_too_late_is_asked_for_earlier_moments() -> None:
    """As a transport stream with a key frame every ten seconds does."""

    class Packet:
        is_keyframe, time_base = True, 1e-6

        def __init__(self, pts: int) -> None:
            self.pts = pts

    class Guessing:
        start_time = 0

        def __init__(self) -> None:
            self.asked: list[float] = []

        def seek(self, at_us: int, *, backward: bool) -> None:
            self.asked.append(at_us / 1e6)

        def demux(self, stream: object) -> list[Packet]:
            behind = -(-self.asked[-1] // 10) * 10  # the next key frame, not the one before
            return [Packet(int(behind * 1e6))]

    container = Guessing()
    assert seek(container, None, 25_000_000)  # type: ignore[arg-type]
    assert container.asked == [25.0, 23.0, 19.0, 19.0], "then again, as the look has read on"
