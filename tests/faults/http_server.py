"""A loopback HTTP server of live MPEG-TS and HLS with a fault switch.

``/live.ts`` is paced at 25 frames a second and endless; ``/live.m3u8`` is a sliding playlist of one-second
segments. What goes wrong is set from the test's thread on `Feed`, and read for every frame or request.
"""

import http.server
import os
import random
import socket
import socketserver
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

from faults import feed

SEGMENT_S = 1.0
KEPT = 5  # segments in the playlist


@dataclass
class Feed:
    """The fault switch. Every field may be changed while clients are connected."""

    stalled: bool = False  # connections stay open, nothing is sent
    refuse: bool = False  # new requests are closed at once
    silent: bool = False  # new requests get no answer at all
    status: int = 200  # for new requests
    clock: Callable[[int], int] = lambda number: number * feed.STEP + 90_000  # frame → pts in 90 kHz
    spoil: Callable[[bytes, random.Random], bytes] = lambda data, _: data
    codec: str = "libx264"
    size: tuple[int, int] = (320, 240)
    gop: int = feed.RATE  # frames from key frame to key frame
    rate: float = feed.RATE  # frames a second by the wall clock
    frames: int | None = None  # a finite stream ends after so many
    missing: set[int] = field(default_factory=set)  # HLS segments that answer 404
    audio: bool = False  # /live.ts holds sound alone
    frozen: bool = False  # the playlist does not move on
    emptied: bool = False  # neither the playlist nor its segments are there
    kept: int = KEPT  # segments in the playlist
    dated: bool = False  # with EXT-X-PROGRAM-DATE-TIME
    cut_at: int | None = None  # from this segment on another clock, after EXT-X-DISCONTINUITY
    extra_lines: tuple[str, ...] = ()  # behind the newest segment
    location: str | None = None  # redirect everything there
    connections: int = 0


class FeedServer:
    """Serves a `Feed` on a port of 127.0.0.1; a context manager. ``stop`` and ``start`` keep the port."""

    def __init__(self, feed: Feed | None = None) -> None:
        self.feed = feed or Feed()
        self.port = 0
        self.began = time.monotonic()
        self.newest = KEPT  # HLS: one more than the newest segment's number
        self._server: _Server | None = None
        self._open: set[socket.socket] = set()

    def start(self) -> None:
        self._server = _Server(("127.0.0.1", self.port), _Handler)
        self._server.owner = self
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self, *, reset: bool = False) -> None:
        """Close the listening socket and every connection; ``reset``: with a RST instead of a FIN."""
        if self._server is None:
            return
        self._server.shutdown()
        self._server.server_close()
        self._server = None
        self.cut(reset=reset)

    def vanish(self) -> None:
        """Stop listening and fall silent, with every connection left open: as a host that lost its power."""
        self.feed.stalled = True
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def cut(self, *, reset: bool = False) -> None:
        """Close every connection, keep listening."""
        for connection in list(self._open):
            try:
                if reset:  # its file object keeps the socket open: close what lies below
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    os.close(connection.detach())
                else:
                    connection.shutdown(socket.SHUT_RDWR)
                    connection.close()
            except OSError:
                continue

    def url(self, name: str = "live.ts") -> str:
        return f"http://127.0.0.1:{self.port}/{name}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.feed.stalled = False
        self.stop()


class _Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    owner: FeedServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no news."""


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.0"

    def do_GET(self) -> None:
        owner = self.server.owner
        switch = owner.feed
        owner._open.add(self.connection)
        switch.connections += 1
        try:
            while switch.silent:
                time.sleep(0.05)
            if switch.refuse:
                return
            if switch.location is not None:
                self.send_response(302)
                self.send_header("Location", switch.location)
                self.end_headers()
            elif switch.status != 200:
                self.send_error(switch.status)
            elif switch.emptied:
                self.send_error(404)
            elif self.path.startswith("/live.m3u8"):
                self._whole(self._playlist().encode(), "application/vnd.apple.mpegurl")
            elif self.path.startswith("/segment"):
                self._segment(int(self.path.removeprefix("/segment").split(".")[0]))
            elif self.path.startswith("/live.ts") and switch.audio:
                self._whole(feed.sound(), "video/mp2t")
            elif self.path.startswith("/live.ts"):
                self._stream()
            else:
                self.send_error(404)
        except OSError:
            return
        finally:
            owner._open.discard(self.connection)

    def log_message(self, *_: Any) -> None:
        """Quiet."""

    def _whole(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _newest(self) -> int:
        owner = self.server.owner
        if not owner.feed.frozen:
            owner.newest = int((time.monotonic() - owner.began) / SEGMENT_S) + KEPT
        return owner.newest

    def _playlist(self) -> str:
        owner, newest = self.server.owner, self._newest()
        switch = owner.feed
        first = max(0, newest - switch.kept)
        lines = ["#EXTM3U", "#EXT-X-VERSION:3", f"#EXT-X-TARGETDURATION:{SEGMENT_S:.0f}"]
        lines.append(f"#EXT-X-MEDIA-SEQUENCE:{first}")
        for number in range(first, newest):
            if number == switch.cut_at:
                lines.append("#EXT-X-DISCONTINUITY")
            if switch.dated:
                unix_s = time.time() - (time.monotonic() - owner.began) + (number - KEPT) * SEGMENT_S
                moment = datetime.fromtimestamp(unix_s, UTC).isoformat(timespec="milliseconds")
                lines.append(f"#EXT-X-PROGRAM-DATE-TIME:{moment}")
            lines += [f"#EXTINF:{SEGMENT_S:.3f},", f"segment{number}.ts"]
        return "\n".join([*lines, *switch.extra_lines]) + "\n"

    def _segment(self, number: int) -> None:
        switch = self.server.owner.feed
        if number in switch.missing or number >= self._newest():
            self.send_error(404)
            return
        cut = switch.cut_at is not None and number >= switch.cut_at
        shift = -(1 << 20) if cut else 0
        self._whole(feed.segment(number, SEGMENT_S, switch.codec, shift), "video/mp2t")

    def _stream(self) -> None:
        switch = self.server.owner.feed
        self.send_response(200)
        self.send_header("Content-Type", "video/mp2t")
        self.end_headers()
        chance = random.Random(7)
        muxer, made_for, newest = None, None, -1
        # The clock of the feed runs on whoever is connected: frame numbers come from the wall clock.
        began = self.server.owner.began
        number = int((time.monotonic() - began) * switch.rate)
        first = number
        while switch.frames is None or number - first < switch.frames:
            due = began + number / switch.rate
            time.sleep(max(0.0, due - time.monotonic()))
            if switch.stalled:  # what was not sent in time is never sent
                time.sleep(0.02)
                number = max(number, int((time.monotonic() - began) * switch.rate))
                continue
            pts = switch.clock(number)
            if made_for != (switch.codec, switch.size) or pts <= newest:  # a muxer's clock only runs forward
                made_for = (switch.codec, switch.size)
                muxer = feed.TsMuxer(switch.codec, *switch.size, switch.gop)
            assert muxer is not None
            data, newest = muxer.packet(number, pts), pts
            self.wfile.write(switch.spoil(data, chance))
            number += 1
