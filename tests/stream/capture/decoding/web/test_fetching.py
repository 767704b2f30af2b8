"""Requests: ranges, logins that stay at their host, proxies of the environment, checked connections."""

import socket
import urllib.request
from typing import Any

import pytest

from stream.capture.decoding.web import fetching
from stream.capture.decoding.web.fetching import AGENT, Fetcher, _connector, _Gate, _Redirects, proxies
from stream.capture.decoding.web.hosts import Reach
from stream.errors import SourceError

REACH = Reach("camera", ("camera.example", 80))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> tuple[Fetcher, list[urllib.request.Request]]:
    """A fetcher, and the requests that would have left."""
    fetcher, found = Fetcher(REACH, 4.0), []

    def open_(request: urllib.request.Request, timeout: float) -> Any:
        assert timeout == 4.0
        found.append(request)

    monkeypatch.setattr(fetcher._opener, "open", open_)
    return fetcher, found


@pytest.mark.parametrize(
    ("first", "last", "header"),
    [(None, None, None), (0, None, "bytes=0-"), (100, None, "bytes=100-"), (100, 199, "bytes=100-199")],
)
def test_a_range_is_asked_for_as_it_is_meant(asked: Any, first: Any, last: Any, header: Any) -> None:
    fetcher, requests = asked
    fetcher.get("http://camera.example/live", first, last)
    assert requests[0].get_header("Range") == header
    assert requests[0].get_header("User-agent") == AGENT


@pytest.mark.parametrize("last", [None, 9])
def test_a_login_leaves_the_address_and_is_known_for_its_host_alone(asked: Any, last: Any) -> None:
    fetcher, requests = asked
    fetcher.get("http://us%2Fer:pa%40ss@camera.example:81/x?a=1#part", 0, last)
    assert requests[0].full_url == "http://camera.example:81/x?a=1"
    known = fetcher._passwords.find_user_password
    assert known(None, "http://camera.example:81/other") == ("us/er", "pa@ss")
    for other in ("http://camera.example:82/x", "http://elsewhere.example/x"):
        assert known(None, other) == (None, None)


def test_proxies_are_those_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    named = {"http": "http://Proxy.example:3128", "https": "proxy2.example", "ftp": "https://[fd00::1]"}
    monkeypatch.setattr(urllib.request, "getproxies", lambda: named)
    assert proxies() == {("proxy.example", 3128), ("proxy2.example", 80), ("fd00::1", 443)}
    monkeypatch.setattr(urllib.request, "getproxies", lambda: {"no": ""})
    assert proxies() == frozenset()


def addresses(monkeypatch: pytest.MonkeyPatch, *found: str) -> None:
    """What every name resolves to."""
    entries = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80)) for address in found]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: entries)


def test_the_connection_goes_to_an_address_that_was_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is resolved twice may lead elsewhere the second time."""
    tried = []

    def connect(place: tuple[str, int], timeout: float) -> Any:
        tried.append(place)
        if place[0] == "93.184.216.34":
            raise ConnectionRefusedError("nobody there")
        return "connected"

    addresses(monkeypatch, "93.184.216.34", "93.184.216.35")
    monkeypatch.setattr(socket, "create_connection", connect)
    assert _connector(REACH)(("cdn.example", 81), 4.0) == "connected"
    assert tried == [("93.184.216.34", 81), ("93.184.216.35", 81)]


def test_a_forbidden_address_is_never_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    addresses(monkeypatch, "10.0.0.1")
    monkeypatch.setattr(socket, "create_connection", lambda *_: pytest.fail("it was reached"))
    with pytest.raises(SourceError, match=r"--allow-host cdn\.example:81"):
        _connector(REACH)(("cdn.example", 81), 4.0)


@pytest.mark.parametrize("found", [(), ("93.184.216.34",)])
def test_nobody_to_connect_to_is_an_error_of_the_connection(
    monkeypatch: pytest.MonkeyPatch, found: tuple[str, ...]
) -> None:
    def refuse(*_: object) -> Any:
        raise ConnectionRefusedError("nobody there")

    addresses(monkeypatch, *found)
    monkeypatch.setattr(socket, "create_connection", refuse)
    with pytest.raises(ConnectionRefusedError):
        _connector(REACH)(("cdn.example", 81), 4.0)


def test_what_goes_over_a_proxy_is_looked_at_before(monkeypatch: pytest.MonkeyPatch) -> None:
    behind = Reach("camera", ("camera.example", 80), proxies=frozenset({("proxy.example", 3128)}))
    request = urllib.request.Request("http://metadata.example/")
    addresses(monkeypatch, "169.254.169.254")
    with pytest.raises(SourceError, match="link-local"):
        _Gate(behind).http_request(request)
    assert _Gate(REACH).http_request(request) is request, "without one the connection itself is checked"

    def unknown(*_: object, **__: object) -> Any:
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert _Gate(behind).http_request(request) is request, "a name that only the proxy can resolve"


@pytest.mark.parametrize("scheme", ["file", "FTP", "gopher"])
def test_a_redirect_to_another_scheme_is_refused_by_name(scheme: str) -> None:
    request = urllib.request.Request("http://camera.example/")
    headers: Any = {"location": f"{scheme}://x/y"}
    with pytest.raises(SourceError, match=f"found {scheme.lower()}:"):
        _Redirects(REACH).http_error_302(request, None, 302, "Found", headers)  # type: ignore[arg-type]
    assert fetching.PORTS.keys() == {"http", "https"}
