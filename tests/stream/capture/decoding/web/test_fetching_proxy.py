"""Requests: where they go, by way of a proxy too."""

import contextlib
import http.server
import threading
import urllib.error
from collections.abc import Iterator

import pytest

from stream.capture.decoding.web.fetching import Fetcher, proxies
from stream.capture.decoding.web.hosts import Reach
from stream.errors import SourceError

ASKED: list[str] = []


class _Proxy(http.server.BaseHTTPRequestHandler):
    """Answers whatever it is asked for."""

    def do_GET(self) -> None:
        ASKED.append(self.path)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name in ("no_proxy", "NO_PROXY", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    ASKED.clear()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Proxy)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    place = f"127.0.0.1:{server.server_address[1]}"
    monkeypatch.setenv("http_proxy", f"http://{place}")
    yield place
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_proxy_of_the_environment_is_used_and_may_be_private(proxy: str) -> None:
    host, port = proxy.split(":")
    assert (host, int(port)) in proxies()
    fetcher = Fetcher(Reach("court", ("camera.invalid", 80), (), proxies()), 5.0)
    with contextlib.closing(fetcher.get("http://me:secret@camera.invalid/live.ts")) as response:
        assert response.read() == b"ok"
    assert ASKED == ["http://camera.invalid/live.ts"]


def test_a_proxy_is_no_way_around(proxy: str) -> None:
    """What it would be asked for is held against the same rule."""
    fetcher = Fetcher(Reach("court", ("camera.invalid", 80), (), proxies()), 5.0)
    with pytest.raises(SourceError, match=r"found 127.0.0.1:9 \(loopback\)"):
        fetcher.get("http://127.0.0.1:9/x.ts")
    assert not ASKED


def test_nobody_there_is_an_error_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("http_proxy", raising=False)
    fetcher = Fetcher(Reach("court", ("127.0.0.1", 9)), 2.0)
    with pytest.raises(urllib.error.URLError) as caught:
        fetcher.get("http://127.0.0.1:9/x.ts")
    assert isinstance(caught.value.reason, ConnectionRefusedError)
