"""Servers on 127.0.0.1 that serve, refuse, keep silent or send drop by drop."""

import functools
import http.server
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from stream.capture.capture import Capture
from stream.capture.source import Source
from stream.errors import SourceError, SourceTimeout

pytestmark = pytest.mark.slow


def open_until(url: str, timeout_s: float) -> tuple[SourceError, float]:
    began = time.monotonic()
    source = Source.parse(url)
    with (
        pytest.raises(SourceError) as caught,
        Capture(source, pace="live", open_timeout_s=timeout_s, read_timeout_s=timeout_s) as capture,
    ):
        capture.open()
    assert "hunter2" not in str(caught.value)
    assert source.name in str(caught.value)
    return caught.value, time.monotonic() - began


def consume(capture: Capture) -> None:
    while not capture.ended:
        capture.next(0.5)


@pytest.fixture
def silent() -> Iterator[int]:
    """Port of a server that accepts and says nothing."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield server.getsockname()[1]


@pytest.fixture
def refusing() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        return int(server.getsockname()[1])


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


class _Dripping(_Quiet):
    """A byte now and then: no read ever times out, yet no picture comes."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        try:
            while True:
                self.wfile.write(b"\0")
                time.sleep(0.05)
        except OSError:
            pass


def _serve(handler: object) -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)  # type: ignore[arg-type]
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def web(clip: Path) -> Iterator[str]:
    yield from _serve(functools.partial(_Quiet, directory=str(clip.parent)))


@pytest.fixture
def dripping() -> Iterator[str]:
    yield from _serve(_Dripping)


@pytest.mark.parametrize("scheme", ["http", "rtsp", "rtmp"])
def test_a_silent_server_is_a_timeout(scheme: str, silent: int) -> None:
    error, took = open_until(f"{scheme}://admin:hunter2@127.0.0.1:{silent}/live/x?token=hunter2", 1.0)
    assert isinstance(error, SourceTimeout)
    assert 0.8 < took < 4.0


@pytest.mark.parametrize("scheme", ["http", "rtsp", "rtmp"])
def test_a_refused_connection_is_reported_at_once(scheme: str, refusing: int) -> None:
    error, took = open_until(f"{scheme}://admin:hunter2@127.0.0.1:{refusing}/live/x?token=hunter2", 8.0)
    assert "refused the connection" in str(error)
    assert took < 5.0


def test_a_server_that_drips_is_a_timeout(dripping: str) -> None:
    error, took = open_until(f"http://{dripping}/x.mp4", 1.0)
    assert isinstance(error, SourceTimeout)
    assert took < 4.0


def test_what_is_not_there(web: str) -> None:
    error, _ = open_until(f"http://{web}/nothing.mp4", 8.0)
    assert "was not found" in str(error)


def test_a_recording_over_http_plays_at_its_own_speed(web: str) -> None:
    began = time.monotonic()
    with Capture(Source.parse(f"http://{web}/clip.mp4"), pace="live") as capture:
        capture.open()
        count = 0
        while not capture.ended:
            count += capture.next(1.0) is not None
        counters = capture.counters
    assert time.monotonic() - began > 1.0
    assert counters["decoded"] == 30 == count + sum(counters["dropped"].values())
    assert count >= 20


def test_a_line_that_dies_is_a_timeout(make_video: Callable[..., Path], tmp_path: Path) -> None:
    """The server sends half of a clip and then nothing, with the connection open."""
    path = make_video(tmp_path / "clip.ts", count=100)
    half = path.read_bytes()[: path.stat().st_size // 2]
    over = threading.Event()

    class Half(_Quiet):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(half)
            over.wait(20)

    server = _serve(Half)
    address = next(server)
    try:
        with Capture(
            Source.parse(f"http://{address}/clip.ts"), pace="fast", open_timeout_s=8, read_timeout_s=1
        ) as capture:
            capture.open()
            began = time.monotonic()
            with pytest.raises(SourceTimeout):
                consume(capture)
            assert time.monotonic() - began < 5.0
            assert capture.counters["taken"] > 10
    finally:
        over.set()
        next(server, None)


def test_a_playlist_over_http(
    make_video: Callable[..., Path], read_number: Callable[..., int], tmp_path: Path
) -> None:
    lines = ["#EXTM3U", "#EXT-X-VERSION:3", "#EXT-X-TARGETDURATION:1", "#EXT-X-MEDIA-SEQUENCE:0"]
    for i in range(3):
        make_video(tmp_path / f"{i}.ts", count=25, first=25 * i, gop=25)
        lines += ["#EXTINF:1.0,", f"{i}.ts"]
    (tmp_path / "list.m3u8").write_text("\n".join([*lines, "#EXT-X-ENDLIST", ""]))
    server = _serve(functools.partial(_Quiet, directory=str(tmp_path)))
    address = next(server)
    with Capture(Source.parse(f"http://{address}/list.m3u8"), pace="fast") as capture:
        capture.open()
        numbers = []
        while not capture.ended:
            frame = capture.next(2.0)
            if frame is not None:
                numbers.append(read_number(frame.image))
        assert numbers == list(range(75))
        assert capture.counters["errors"] == 0
    next(server, None)


def test_a_remote_playlist_reaches_no_local_file(clip: Path, tmp_path: Path) -> None:
    text = f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2.0,\nfile://{clip}\n#EXT-X-ENDLIST\n"
    (tmp_path / "list.m3u8").write_text(text)
    server = _serve(functools.partial(_Quiet, directory=str(tmp_path)))
    open_until(f"http://{next(server)}/list.m3u8", 4.0)
    next(server, None)
