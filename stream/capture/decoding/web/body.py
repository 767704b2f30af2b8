"""What a server answers, as a file that libav reads."""

import http.client
import io
import time
from collections.abc import Callable

from stream.capture.decoding.web.fetching import Fetcher

SKIP = 1 << 16  # bytes: so far ahead is read over rather than asked for


class Body:
    """The body of one response: ``read`` gives what has come; seeks where the server serves ranges."""

    def __init__(
        self,
        fetcher: Fetcher,
        url: str,
        response: http.client.HTTPResponse,
        deadline: Callable[[], float | None],
    ) -> None:
        """``deadline`` gives monotonic seconds after which reading is given up; None: no such moment.

        It is asked at each read: a body that is opened in a hurry may be read for days.
        """
        self._deadline = deadline
        self.url = response.url  # after redirects
        self.content_type = response.headers.get_content_type()
        self._fetcher, self._url = fetcher, url
        self._response: http.client.HTTPResponse | None = response  # None: at the end
        self._ahead = b""  # read and not yet given out
        self._at = self._wanted = 0  # place of the next byte that comes, and of the next that is asked for
        length = response.headers.get("Content-Length", "")
        ranges = response.status == 206 and response.headers.get("Content-Range", "").startswith("bytes 0-")
        self._size = int(length) if ranges and length.isdecimal() else None

    def peek(self, size: int) -> bytes:
        """The first bytes, fewer only where the body ends before; they are read again."""
        while len(self._ahead) < size and (part := self._next(size - len(self._ahead))):
            self._ahead += part
        return self._ahead[:size]

    def whole(self, most: int) -> bytes:
        """All of it. Raises OSError where that is more than ``most`` bytes, and as ``read`` does."""
        parts, total = [self._ahead], len(self._ahead)
        while part := self._next(SKIP):
            parts.append(part)
            total += len(part)
            if total > most:
                raise OSError(f"more than {most} bytes")
        self._ahead = b""
        return b"".join(parts)

    def read(self, size: int) -> bytes:
        """What has come, at least one byte and at most ``size``; empty at the end.

        Raises TimeoutError, and ConnectionResetError for a body that ends before its announced length.
        """
        if self._wanted != self._at:
            self._go()
        part = self._part(size)
        self._at += len(part)
        self._wanted = self._at
        return part

    def seekable(self) -> bool:
        return self._size is not None

    def tell(self) -> int:
        return self._wanted

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Only sets the place; the next ``read`` goes there."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._wanted, io.SEEK_END: self._size or 0}[whence]
        self._wanted = max(0, base + offset)
        return self._wanted

    def close(self) -> None:
        if self._response is not None:
            self._response.close()
            self._response = None

    def _part(self, size: int) -> bytes:
        if self._ahead:
            part, self._ahead = self._ahead[:size], self._ahead[size:]
            return part
        return self._next(size)

    def _next(self, size: int) -> bytes:
        deadline = self._deadline()
        if deadline is not None and time.monotonic() > deadline:
            raise TimeoutError("too slow")
        if self._response is None:
            return b""
        try:
            part = self._response.read1(size)
        except http.client.HTTPException:
            raise ConnectionResetError("it broke off") from None
        if not part and self._response.length:
            raise ConnectionResetError("it broke off")
        return part

    def _go(self) -> None:
        """To the wanted place: read over a short way ahead, ask for everything else."""
        ahead = self._wanted - self._at
        if 0 < ahead <= SKIP:
            while ahead > 0 and (part := self._part(ahead)):
                ahead -= len(part)
        else:
            self.close()
            self._ahead = b""
            if self._size is not None and self._wanted < self._size:
                self._response = self._fetcher.get(self._url, self._wanted)
        self._at = self._wanted
