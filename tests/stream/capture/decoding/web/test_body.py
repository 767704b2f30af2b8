"""The body of a response as a file: what has come is given out, seeks ask again, a broken end is said."""

import http.client
import io
import time
from email.message import Message
from typing import Any

import pytest

from stream.capture.decoding.web.body import SKIP, Body

DATA = bytes(range(256)) * 1024  # 256 KiB


class ResponseStandIn:
    """Gives at most ``at_once`` bytes a read; ends, breaks or lies about its length as told."""

    def __init__(self, data: bytes, *, status: int = 200, at_once: int = 1000, missing: int = 0) -> None:
        self.data, self.at_once, self.status = io.BytesIO(data), at_once, status
        self.url = "http://camera/after/redirects"
        self.headers = Message()
        self.headers["Content-Type"] = "video/mp2t; charset=x"
        self.headers["Content-Length"] = str(len(data))
        if status == 206:
            self.headers["Content-Range"] = f"bytes 0-{len(data) - 1}/{len(data)}"
        self.length = missing
        self.error: Exception | None = None
        self.closed = False

    def read1(self, size: int) -> bytes:
        if self.error is not None:
            raise self.error
        return self.data.read(min(size, self.at_once))

    def close(self) -> None:
        self.closed = True


class FetcherStandIn:
    """Serves ranges of ``DATA``."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def get(self, url: str, first: int) -> Any:
        self.asked.append(first)
        return ResponseStandIn(DATA[first:], status=206)


def body(response: Any, fetcher: Any = None, **options: Any) -> Body:
    options = {"deadline": lambda: None, **options}
    return Body(fetcher or FetcherStandIn(), "http://camera/live", response, **options)


def rest(found: Body) -> bytes:
    parts = []
    while part := found.read(5000):
        parts.append(part)
    return b"".join(parts)


def test_it_gives_what_has_come_and_never_more_than_was_asked_for() -> None:
    found = body(ResponseStandIn(DATA, at_once=700))
    assert len(found.read(100)) == 100
    assert len(found.read(5000)) == 700, "it does not wait for the rest"
    assert found.tell() == 800
    assert (found.url, found.content_type) == ("http://camera/after/redirects", "video/mp2t")


@pytest.mark.parametrize("size", [0, 1, 16, 5000])
def test_a_look_ahead_costs_no_byte(size: int) -> None:
    found = body(ResponseStandIn(DATA))
    assert found.peek(size) == DATA[:size]
    assert found.peek(4) == DATA[:4]
    assert rest(found) == DATA


def test_a_body_shorter_than_the_look_is_all_there_is() -> None:
    assert body(ResponseStandIn(b"abc")).peek(16) == b"abc"


def test_the_whole_is_limited() -> None:
    found = body(ResponseStandIn(DATA))
    found.peek(16)
    assert found.whole(len(DATA)) == DATA
    with pytest.raises(OSError, match="more than 1000 bytes"):
        body(ResponseStandIn(DATA)).whole(1000)


@pytest.mark.parametrize("status", [200, 206])
def test_only_a_server_of_ranges_is_sought_in(status: int) -> None:
    assert body(ResponseStandIn(DATA, status=status)).seekable() == (status == 206)


@pytest.mark.parametrize(
    ("offset", "whence", "place"),
    [
        (1000, io.SEEK_SET, 1000),
        (-500, io.SEEK_END, len(DATA) - 500),
        (10, io.SEEK_CUR, 110),
        (-999, io.SEEK_CUR, 0),
        (0, io.SEEK_SET, 0),
    ],
)
def test_it_goes_on_from_where_it_was_sent(offset: int, whence: int, place: int) -> None:
    found = body(ResponseStandIn(DATA, status=206))
    while found.tell() < 100:
        found.read(100 - found.tell())
    assert found.seek(offset, whence) == place == found.tell()
    assert rest(found) == DATA[place:]


def test_a_short_way_ahead_is_read_over_and_everything_else_asked_for() -> None:
    fetcher, first = FetcherStandIn(), ResponseStandIn(DATA, status=206)
    found = body(first, fetcher)
    found.seek(SKIP)
    assert found.read(4) == DATA[SKIP : SKIP + 4]
    assert fetcher.asked == []
    found.seek(SKIP + 4 + SKIP + 1)
    found.read(1)
    found.seek(0)
    assert found.read(4) == DATA[:4]
    assert fetcher.asked == [2 * SKIP + 5, 0]
    assert first.closed


def test_seeking_alone_asks_for_nothing() -> None:
    """libav goes to the end and back to learn the size."""
    fetcher = FetcherStandIn()
    found = body(ResponseStandIn(DATA, status=206), fetcher)
    found.seek(0, io.SEEK_END)
    found.seek(0)
    assert found.read(4) == DATA[:4]
    assert fetcher.asked == []


def test_behind_the_end_there_is_nothing() -> None:
    found = body(ResponseStandIn(DATA, status=206))
    found.seek(len(DATA) + 10)
    assert found.read(4) == b""


@pytest.mark.parametrize("broken", ["short", "error"])
def test_a_body_that_breaks_off_is_no_end(broken: str) -> None:
    response = ResponseStandIn(b"abc", missing=7)
    found = body(response)
    assert found.read(9) == b"abc"
    if broken == "error":
        response.error = http.client.IncompleteRead(b"")
    with pytest.raises(ConnectionResetError, match="it broke off"):
        found.read(9)


def test_a_deadline_ends_a_body_that_drips() -> None:
    until: list[float | None] = [time.monotonic() - 1]
    found = body(ResponseStandIn(DATA), deadline=lambda: until[0])
    with pytest.raises(TimeoutError, match="too slow"):
        found.read(9)
    until[0] = None  # opened: from here on each wait has its own limit
    assert found.read(9) == DATA[:9]


def test_closed_is_at_the_end() -> None:
    response = ResponseStandIn(DATA)
    found = body(response)
    found.close()
    found.close()
    assert response.closed
    assert found.read(9) == b""
