"""Where playlists and redirects on the web may lead, and what a source there may be made of."""

import base64
import hashlib
import http.server
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import av
import pytest

from stream.capture.capture import Capture
from stream.capture.decoding.decoder import Decoder
from stream.capture.options import AccessOptions
from stream.capture.shared_frames import Control
from stream.capture.source import Source
from stream.errors import SourceError

pytestmark = pytest.mark.slow

LIST = ["#EXTM3U", "#EXT-X-VERSION:3", "#EXT-X-TARGETDURATION:2", "#EXT-X-MEDIA-SEQUENCE:0"]


class Site:
    """A folder on a port of 127.0.0.1, with redirects and a login; a context manager."""

    def __init__(self, folder: Path) -> None:
        self.redirects: dict[str, str] = {}  # path → Location
        self.login: str | None = None  # "Basic …" or "Digest"
        self.kinds: dict[str, str] = {}  # path → Content-Type
        self.ranges = False
        self.asked: list[tuple[str, dict[str, str]]] = []
        site = self

        class Handler(http.server.SimpleHTTPRequestHandler):
            def __init__(self, *args: object) -> None:
                super().__init__(*args, directory=str(folder))  # type: ignore[arg-type]

            def log_message(self, *args: object) -> None:
                """Quiet."""

            def do_GET(self) -> None:
                site.asked.append((self.path, dict(self.headers)))
                if site.login is not None and not site.admits(self.headers.get("Authorization", "")):
                    self.send_response(401)
                    scheme = 'Digest realm="x", nonce="abc", qop="auth"'
                    self.send_header(
                        "WWW-Authenticate", scheme if site.login == "Digest" else 'Basic realm="x"'
                    )
                    self.end_headers()
                elif self.path in site.redirects:
                    self.send_response(302)
                    self.send_header("Location", site.redirects[self.path])
                    self.end_headers()
                elif site.ranges:
                    self.part()
                else:
                    super().do_GET()

            def part(self) -> None:
                data = (folder / self.path[1:]).read_bytes()
                first = int(self.headers["Range"].removeprefix("bytes=").split("-")[0])
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {first}-{len(data) - 1}/{len(data)}")
                self.send_header("Content-Length", str(len(data) - first))
                self.end_headers()
                self.wfile.write(data[first:])

            def guess_type(self, path: object) -> str:
                return site.kinds.get(self.path) or super().guess_type(path)  # type: ignore[arg-type]

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self.place = f"127.0.0.1:{self._server.server_address[1]}"

    def admits(self, header: str) -> bool:
        if self.login != "Digest":
            return header == self.login
        fields = dict(
            part.strip().split("=", 1) for part in header.removeprefix("Digest ").split(",") if part
        )
        fields = {name: value.strip('"') for name, value in fields.items()}
        if not fields.get("uri"):
            return False

        def digest(text: str) -> str:
            return hashlib.md5(text.encode()).hexdigest()

        one, two = digest("us/er:x:pa@ss"), digest(f"GET:{fields['uri']}")
        middle = ":".join(fields[name] for name in ("nonce", "nc", "cnonce", "qop"))
        return fields["response"] == digest(f"{one}:{middle}:{two}")

    def url(self, name: str, login: str = "") -> str:
        return f"http://{login}{self.place}/{name}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def sites(tmp_path: Path) -> Iterator[Callable[[str], Site]]:
    with ExitStack() as stack:

        def start(name: str) -> Site:
            (tmp_path / name).mkdir()
            return stack.enter_context(Site(tmp_path / name))

        yield start


@pytest.fixture
def segment(make_video: Callable[..., Path], tmp_path: Path) -> Callable[[str], Path]:
    def make(name: str, first: int = 0) -> Path:
        return make_video(tmp_path / name, count=25, first=first, gop=25)

    return make


def playlist(path: Path, *entries: str, ended: bool = True) -> None:
    lines = [*LIST]
    for entry in entries:
        lines += [entry] if entry.startswith("#") else ["#EXTINF:1.0,", entry]
    path.write_text("\n".join([*lines, *(["#EXT-X-ENDLIST"] if ended else []), ""]))


def played(url: str, *, allow: tuple[str, ...] = (), pace: str = "fast") -> list[int]:
    """Indices of the frames to the end."""
    source = Source.parse(url, access=AccessOptions(allow_hosts=allow))
    with Capture(source, pace="fast", open_timeout_s=8, read_timeout_s=4) as capture:
        capture.open()
        return [frame.index for frame in capture.frames()]


def refused(url: str, **how: tuple[str, ...]) -> str:
    with pytest.raises(SourceError) as caught:
        played(url, **how)
    assert caught.value.code == "forbidden", caught.value
    return str(caught.value)


def test_a_redirect_to_another_port_is_refused_and_can_be_permitted(
    sites: Callable[[str], Site], segment: Callable[[str], Path]
) -> None:
    here, other = sites("here"), sites("other")
    segment("other/a.ts")
    here.redirects["/live.ts"] = other.url("a.ts")
    sentence = refused(here.url("live.ts"))
    assert f"found {other.place} (loopback); add --allow-host {other.place}" in sentence
    assert not other.asked, "it was reached"
    for allowed in (other.place, "127.0.0.1"):
        assert len(played(here.url("live.ts"), allow=(allowed,))) == 25


def test_segments_on_another_port_are_refused_and_can_be_permitted(
    sites: Callable[[str], Site], segment: Callable[[str], Path], tmp_path: Path
) -> None:
    here, other = sites("here"), sites("other")
    segment("other/a.ts")
    playlist(tmp_path / "here/list.m3u8", other.url("a.ts"))
    sentence = refused(here.url("list.m3u8"))
    assert f"add --allow-host {other.place}" in sentence
    assert not other.asked, "it was reached"
    assert len(played(here.url("list.m3u8"), allow=(other.place,))) == 25


@pytest.mark.parametrize("tag", ["#EXT-X-KEY:METHOD=AES-128,URI=", "#EXT-X-MAP:URI="])
def test_keys_and_initialisation_parts_are_no_way_around(
    tag: str, sites: Callable[[str], Site], segment: Callable[[str], Path], tmp_path: Path
) -> None:
    here, other = sites("here"), sites("other")
    segment("here/a.ts")
    playlist(tmp_path / "here/list.m3u8", f'{tag}"{other.url("k")}"', "a.ts")
    assert other.place in refused(here.url("list.m3u8"))
    assert not other.asked


def test_a_segment_that_redirects_to_another_port_is_refused(
    sites: Callable[[str], Site], segment: Callable[[str], Path], tmp_path: Path
) -> None:
    here, other = sites("here"), sites("other")
    segment("here/a.ts")
    segment("other/b.ts")
    here.redirects["/b.ts"] = other.url("b.ts")
    playlist(tmp_path / "here/list.m3u8", "a.ts", "b.ts", ended=False)
    assert other.place in refused(here.url("list.m3u8"))
    assert not other.asked


def test_variants_elsewhere_are_refused(sites: Callable[[str], Site], tmp_path: Path) -> None:
    here, other = sites("here"), sites("other")
    text = f"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1000\n{other.url('low.m3u8')}\n"
    (tmp_path / "here/list.m3u8").write_text(text)
    assert other.place in refused(here.url("list.m3u8"))


@pytest.mark.parametrize("scheme", ["file", "rtmp", "ftp", "concat"])
def test_other_schemes_are_refused_in_playlists_and_redirects(
    scheme: str, sites: Callable[[str], Site], segment: Callable[[str], Path], tmp_path: Path
) -> None:
    here = sites("here")
    path = segment("here/a.ts")
    playlist(tmp_path / "here/list.m3u8", f"{scheme}://127.0.0.1{path}")
    here.redirects["/live.ts"] = f"{scheme}://127.0.0.1{path}"
    for name in ("list.m3u8", "live.ts"):
        assert f"found {scheme}:" in refused(here.url(name), allow=("127.0.0.1",))


def test_a_redirect_loop_ends_with_one_sentence(sites: Callable[[str], Site]) -> None:
    here = sites("here")
    here.redirects.update({"/a.ts": "/b.ts", "/b.ts": "/a.ts"})
    with pytest.raises(SourceError, match="redirects in a circle") as caught:
        played(here.url("a.ts"))
    assert caught.value.code == "not_found"
    assert len(here.asked) < 30


def test_segments_are_relative_to_where_the_playlist_was_found(
    sites: Callable[[str], Site], segment: Callable[[str], Path], tmp_path: Path
) -> None:
    here = sites("here")
    (tmp_path / "here/deep").mkdir()
    segment("here/deep/a.ts")
    playlist(tmp_path / "here/deep/list.m3u8", "a.ts")
    here.redirects["/live"] = "/deep/list.m3u8"
    assert len(played(here.url("live"))) == 25


def test_an_encrypted_playlist_plays(
    sites: Callable[[str], Site], make_video: Callable[..., Path], tmp_path: Path
) -> None:
    here = sites("here")
    folder = tmp_path / "here"
    (folder / "key").write_bytes(bytes(range(16)))
    (tmp_path / "key.txt").write_text(f"key\n{folder / 'key'}\n")
    encryption = {"hls_key_info_file": str(tmp_path / "key.txt"), "hls_time": "1"}
    segments = {"hls_segment_filename": str(folder / "%d.ts"), "hls_list_size": "0"}
    plain = make_video(tmp_path / "plain.ts", count=50, gop=25)
    with (
        av.open(str(plain)) as read,
        av.open(str(folder / "list.m3u8"), "w", format="hls", options={**encryption, **segments}) as written,
    ):
        stream = written.add_stream_from_template(read.streams.video[0])
        for packet in read.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                written.mux(packet)
    assert "METHOD=AES-128" in (folder / "list.m3u8").read_text()
    assert not (folder / "0.ts").read_bytes().startswith(b"G"), "it is encrypted"
    assert len(played(here.url("list.m3u8"))) == 50


@pytest.mark.parametrize("scheme", ["Basic", "Digest"])
def test_logins(
    scheme: str, sites: Callable[[str], Site], segment: Callable[[str], Path], tmp_path: Path
) -> None:
    here = sites("here")
    segment("here/a.ts")
    playlist(tmp_path / "here/list.m3u8", "a.ts")
    here.login = "Digest" if scheme == "Digest" else "Basic " + base64.b64encode(b"us/er:pa@ss").decode()
    right, wrong = (urllib.parse.quote("us/er", safe="") + f":{p}@" for p in ("pa%40ss", "wrong"))
    assert len(played(here.url("list.m3u8", right))) == 25
    with pytest.raises(SourceError, match="denied access") as caught:
        played(here.url("list.m3u8", wrong))
    assert caught.value.code == "auth"


def test_a_login_does_not_follow_a_redirect(
    sites: Callable[[str], Site], segment: Callable[[str], Path]
) -> None:
    here, other = sites("here"), sites("other")
    segment("other/a.ts")
    here.login = "Basic " + base64.b64encode(b"me:secret").decode()
    here.redirects["/live.ts"] = other.url("a.ts")
    assert len(played(here.url("live.ts", "me:secret@"), allow=(other.place,))) == 25
    assert other.asked
    assert not [headers for _, headers in other.asked if "Authorization" in headers]


def test_a_recording_is_sought_in_where_the_server_serves_ranges(
    sites: Callable[[str], Site],
    make_video: Callable[..., Path],
    read_number: Callable[..., int],
    tmp_path: Path,
) -> None:
    here = sites("here")
    here.ranges = True
    make_video(tmp_path / "here/a.mp4", count=100, gop=10)
    with Capture(Source.parse(here.url("a.mp4")), pace="fast", start_at_s=3.0) as capture:
        capture.open()
        frame = capture.next(5.0)
    assert frame is not None
    assert read_number(frame.image) == 75


def test_a_late_start_leaves_the_whole_time_out_for_reading(
    sites: Callable[[str], Site], make_video: Callable[..., Path], tmp_path: Path
) -> None:
    """Little was left for opening; a pause longer than that, after it, is no break."""
    data = make_video(tmp_path / "a.ts", count=50, gop=10).read_bytes()

    class Pausing(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(data[: len(data) // 2])
            time.sleep(2.5)
            self.wfile.write(data[len(data) // 2 :])

        def log_message(self, *args: object) -> None:
            """Quiet."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pausing)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    request = {
        "kind": "http",
        "url": f"http://127.0.0.1:{server.server_address[1]}/a.ts",
        "name": "court",
        "allowed": (),
        "max_lag_s": None,
        "follow": False,
        "start_at_s": 0.0,
        "picture_format": None,
        "open_timeout_s": 10.0,
        "read_timeout_s": 8.0,
        "deadline": time.monotonic() + 2.0,
    }
    try:
        decoder = Decoder(request, Control(Control.create()))
        assert sum(1 for _ in decoder.pictures()) == 50
        decoder.close()
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_playlist_is_known_by_what_it_is(
    sites: Callable[[str], Site], segment: Callable[[str], Path], tmp_path: Path
) -> None:
    here = sites("here")
    segment("here/a.ts")
    playlist(tmp_path / "here/stream", "a.ts")
    here.kinds["/stream"] = "application/vnd.apple.mpegurl"
    assert len(played(here.url("stream"))) == 25
