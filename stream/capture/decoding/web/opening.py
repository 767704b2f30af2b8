"""Opens for libav whatever a source on the web consists of, and keeps count of what is missing.

libav asks for every playlist, segment and key by way of ``Web``, which fetches it itself: libav's own HTTP
would follow a redirect or a playlist anywhere (see `hosts`).
"""

import base64
import io
import time
import urllib.error
from typing import Any
from urllib.parse import urlsplit

import av

from stream.capture.decoding.web import playlist
from stream.capture.decoding.web.body import Body
from stream.capture.decoding.web.fetching import Fetcher
from stream.capture.decoding.web.hosts import PORTS, Reach, endpoint
from stream.capture.decoding.web.live_edge import Place, Playlists
from stream.errors import SourceError

MOST_ENCRYPTED = 256 << 20  # bytes of a segment, held whole to be decrypted
_HEAD = 16  # bytes that tell a playlist
_CRYPTO = ("crypto+", "crypto:")


class Web:
    """One source on the web; the callable is libav's ``io_open``. For one thread."""

    def __init__(
        self, url: str, reach: Reach, *, timeout_s: float, deadline: float, max_lag_s: float | None = None
    ) -> None:
        """Fetches the first answer. ``timeout_s``: for each wait; ``deadline``: when it must be open.

        ``max_lag_s``: of media that may wait in a playlist; None: see `live_edge`.

        Raises what `Fetcher.get` and `Body.read` do.
        """
        self.missing = 0  # segments that were listed and not there
        self._url, self._reach = url, reach
        self._fetcher = Fetcher(reach, timeout_s)
        self._deadline: float | None = deadline
        self._first: Body | None = self._fetch(url, first=0)
        self._playlists = Playlists(max_lag_s)
        self._checked: set[tuple[str, int]] = set()
        self._refused: SourceError | None = None
        head = self._first.peek(_HEAD)
        self.format = (
            "hls"
            if playlist.is_playlist(head)
            else "mpjpeg"
            if self._first.content_type == "multipart/x-mixed-replace"
            else None
        )

    def opened(self) -> None:
        """From here on each wait has its limit, and there is none for all together."""
        self._deadline = None

    def place(self, stamp: float, now: float) -> Place | None:
        """Where a picture stamped ``stamp`` that was read at ``now`` is, of a playlist that still grows."""
        return self._playlists.place(stamp, now, time.time())

    def __call__(self, url: str, _flags: int, options: dict[str, Any]) -> Body | io.BytesIO:
        """The file behind ``url``, open for reading. Raises as ``__init__`` does, and SourceError."""
        if self._refused is not None:
            raise self._refused  # libav would go on to the next segment
        try:
            return self._open(url, options)
        except SourceError as error:
            self._refused = error
            raise

    def _open(self, url: str, options: dict[str, Any]) -> Body | io.BytesIO:
        encrypted = url.startswith(_CRYPTO)
        for prefix in _CRYPTO:
            url = url.removeprefix(prefix)
        is_segment = self._playlists.opened(url)
        first, self._first = self._first, None
        if first is not None and url != self._url:
            first.close()
            first = None
        if first is None:
            try:
                first = self._fetch(url, *_range(options))
            except urllib.error.HTTPError:
                if not is_segment:
                    raise
                self.missing += 1
                return io.BytesIO(b"")  # nothing: libav goes on to the next
        if encrypted:
            return io.BytesIO(_decrypted(first.whole(MOST_ENCRYPTED), options))
        if playlist.is_playlist(first.peek(_HEAD)):
            return io.BytesIO(self._read_playlist(url, first))
        return first

    def _fetch(self, url: str, first: int | None = None, last: int | None = None) -> Body:
        scheme = urlsplit(url).scheme.lower()
        if scheme not in PORTS:
            raise self._reach.refuse(scheme or "file")
        response = self._fetcher.get(url, first, last)
        return Body(self._fetcher, url, response, lambda: self._deadline)

    def _read_playlist(self, url: str, body: Body) -> bytes:
        """The playlist at ``url`` with absolute addresses, each of which may be reached."""
        text = body.whole(playlist.LONGEST).decode("utf-8", "replace")
        listed = playlist.read(text, body.url)
        for address in listed.urls:
            self._check(address)
        self._playlists.listed(url, listed, time.monotonic())
        return listed.text.encode()

    def _check(self, url: str) -> None:
        """Raises SourceError for what may not be reached; libav would pass over it, segment by segment."""
        scheme = urlsplit(url).scheme.lower()
        if scheme == "data":
            return
        if scheme not in PORTS:
            raise self._reach.refuse(scheme)
        try:
            place = endpoint(url)
            if place not in self._checked:
                self._reach.resolve(*place)
                self._checked.add(place)
        except (ValueError, OSError):
            return  # no host of that name: it will be missing


def _range(options: dict[str, Any]) -> tuple[int | None, int | None]:
    """First and last byte that libav wants of a file."""
    first, end = options.get("offset"), options.get("end_offset")
    if first is None and end is None:
        return None, None
    return int(first or 0), None if end is None else int(end) - 1


def _decrypted(data: bytes, options: dict[str, Any]) -> bytes:
    """AES-128 in CBC, done by libav itself."""
    address = "crypto+data:application/octet-stream;base64," + base64.b64encode(data).decode()
    settings = {
        "protocol_whitelist": "crypto,data",
        "key": options.get("key", ""),
        "iv": options.get("iv", ""),
    }
    with av.open(address, format="data", options=settings) as container:
        return b"".join(bytes(packet) for packet in container.demux() if packet.size)
