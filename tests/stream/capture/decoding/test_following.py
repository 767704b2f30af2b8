"""Files that are still written."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import pytest

from stream.capture.capture import Capture
from stream.capture.decoding.following import Following
from stream.capture.options import AccessOptions
from stream.capture.source import Source
from stream.errors import SourceError, UsageError


def test_it_waits_at_the_end_and_gives_up_when_nothing_comes(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    now, later = [0.0], [b"de", b"", b"f"]

    def sleep(seconds: float) -> None:
        now[0] += 1.0
        if later:
            with path.open("ab") as file:
                file.write(later.pop(0))

    file = Following(str(path), 5.0, clock=lambda: now[0], sleep=sleep)
    assert [file.read(2) for _ in range(4)] == [b"ab", b"c", b"de", b"f"]
    before = now[0]
    assert file.read(2) == b""
    assert now[0] - before == 5.0
    later.append(b"too late")
    assert file.read(2) == b"", "an end stays an end"
    file.close()


@contextmanager
def written(path: Path, parts: list[bytes], pause_s: float) -> Iterator[None]:
    """``parts`` are appended to ``path``, one by one."""

    def write() -> None:
        for part in parts:
            time.sleep(pause_s)
            with path.open("ab") as file:
                file.write(part)

    thread = threading.Thread(target=write)
    thread.start()
    yield
    thread.join()


def pieces(data: bytes, count: int) -> list[bytes]:
    size = len(data) // count + 1
    return [data[at : at + size] for at in range(0, len(data), size)]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ts", "mp4"])
def test_every_frame_of_a_growing_file_is_read(
    kind: str, make_video: Callable[..., Path], read_number: Callable[..., int], tmp_path: Path
) -> None:
    whole = make_video(tmp_path / "whole.ts", count=100, gop=10)
    if kind == "mp4":
        fragments = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
        with av.open(str(whole)) as read, av.open(str(tmp_path / "w.mp4"), "w", options=fragments) as out:
            stream = out.add_stream_from_template(read.streams.video[0])
            for packet in read.demux(video=0):
                if packet.dts is not None:
                    packet.stream = stream
                    out.mux(packet)
        whole = tmp_path / "w.mp4"
    first, *rest = pieces(whole.read_bytes(), 4)
    path = tmp_path / f"growing.{kind}"
    path.write_bytes(first)
    source = Source.parse(str(path), access=AccessOptions(follow=True))
    with written(path, rest, 0.4), Capture(source, pace="fast", read_timeout_s=2.0) as capture:
        capture.open()
        numbers = [read_number(frame.image) for frame in capture.frames()]
    assert numbers == list(range(100))
    assert capture.counters["errors"] == 0


@pytest.mark.slow
def test_a_list_of_files_is_none_that_grows(clip: Path, tmp_path: Path) -> None:
    (tmp_path / "list.m3u8").write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{clip}\n")
    source = Source.parse(str(tmp_path / "list.m3u8"), access=AccessOptions(follow=True))
    with (
        pytest.raises(SourceError, match="--follow: expected a file of video, found a list"),
        Capture(source, pace="fast", open_timeout_s=20, read_timeout_s=1) as capture,
    ):
        capture.open()


def test_only_files_are_followed() -> None:
    for text in ("http://host/x", "demo"):
        with pytest.raises(UsageError, match="--follow: expected a file that is still written"):
            Source.parse(text, access=AccessOptions(follow=True))
