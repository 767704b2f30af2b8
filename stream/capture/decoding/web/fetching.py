"""GET over HTTP(S): redirects, passwords, cookies, proxies; every connection goes where ``Reach`` lets it."""

import http.client
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Any
from urllib.parse import unquote, urlsplit, urlunsplit

from stream.capture.decoding.web.hosts import PORTS, Reach, endpoint

AGENT = "Undertone"
Connect = Callable[..., socket.socket]


class Fetcher:
    """Fetches for one source; for one thread."""

    def __init__(self, reach: Reach, timeout_s: float) -> None:
        """``timeout_s``: for a connection, and for each wait for data."""
        self.timeout_s = timeout_s
        self._reach = reach
        self._passwords = urllib.request.HTTPPasswordMgrWithPriorAuth()
        self._opener = urllib.request.OpenerDirector()
        connect = _connector(reach)
        for handler in (
            urllib.request.ProxyHandler(),
            _Gate(reach),
            _Http(connect),
            _Https(connect),
            _Redirects(reach),
            urllib.request.HTTPCookieProcessor(),
            urllib.request.HTTPDigestAuthHandler(self._passwords),
            urllib.request.HTTPBasicAuthHandler(self._passwords),
            urllib.request.HTTPDefaultErrorHandler(),
            urllib.request.HTTPErrorProcessor(),
        ):
            self._opener.add_handler(handler)

    def get(self, url: str, first: int | None = None, last: int | None = None) -> http.client.HTTPResponse:
        """The open response of 2xx, its bytes ``first`` to ``last`` where they are given.

        Raises SourceError for a forbidden host, HTTPError for another status, OSError, ValueError or
        HTTPException for everything else that can go wrong.
        """
        request = urllib.request.Request(self._without_login(url), headers={"User-Agent": AGENT})
        if first is not None:
            request.add_header("Range", f"bytes={first}-{'' if last is None else last}")
        response: http.client.HTTPResponse = self._opener.open(request, timeout=self.timeout_s)
        return response

    def _without_login(self, url: str) -> str:
        """The address without user and password, which are remembered for its host and port."""
        parts = urlsplit(url)
        login, at, place = parts.netloc.rpartition("@")
        if at:
            user, _, password = login.partition(":")
            self._passwords.add_password(None, f"{parts.scheme}://{place}", unquote(user), unquote(password))
        return urlunsplit((parts.scheme, place, parts.path, parts.query, ""))


def proxies() -> frozenset[tuple[str, int]]:
    """Host and port of the proxies that the environment names."""
    found = set()
    for address in urllib.request.getproxies().values():
        parts = urlsplit(address if "://" in address else f"http://{address}")
        if parts.hostname:
            found.add((parts.hostname.lower(), parts.port or PORTS.get(parts.scheme, 80)))
    return frozenset(found)


class _Gate(urllib.request.BaseHandler):
    """Looks at every request, redirected ones too, before a proxy takes it over."""

    handler_order = 100

    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    def http_request(self, request: urllib.request.Request) -> urllib.request.Request:
        if self._reach.proxies:
            host, port = endpoint(request.full_url)
            with suppress(socket.gaierror):  # a name that only the proxy can resolve
                self._reach.resolve(host, port)
        return request

    https_request = http_request


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Says which scheme a redirect leads to where that is none we follow."""

    max_redirections = 8

    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    def http_error_302(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
    ) -> Any:
        scheme = urlsplit(headers.get("location") or "").scheme.lower()
        if scheme and scheme not in PORTS:
            raise self._reach.refuse(scheme)
        return super().http_error_302(req, fp, code, msg, headers)

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


def _connector(reach: Reach) -> Connect:
    def connect(address: tuple[str, int], timeout: float, _source: object = None) -> socket.socket:
        failure: OSError | None = None
        for place in reach.resolve(*address):  # of the addresses that were checked, not of the name again
            try:
                return socket.create_connection((place, address[1]), timeout)
            except OSError as error:
                failure = error
        raise failure or ConnectionRefusedError("no address")

    return connect


class _Http(urllib.request.HTTPHandler):
    def __init__(self, connect: Connect) -> None:
        super().__init__()
        self._connect = connect

    def http_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(self._connection, request)

    def _connection(self, host: str, **options: Any) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection(host, **options)
        connection._create_connection = self._connect  # type: ignore[attr-defined]
        return connection


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, connect: Connect) -> None:
        super().__init__()
        self._connect = connect
        # As libav does: cameras sign their own certificates, and what comes is believed nothing.
        self._tls = ssl._create_unverified_context()

    def https_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(self._connection, request)

    def _connection(self, host: str, **options: Any) -> http.client.HTTPConnection:
        connection = http.client.HTTPSConnection(host, context=self._tls, **options)
        connection._create_connection = self._connect  # type: ignore[attr-defined]
        return connection
