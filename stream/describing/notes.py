"""Descriptions that an operator types: standard input, or a file that is followed as ``tail -f`` does.

A line is a description; a line that is a single dash takes back what was said so far. What a file holds
before the run begins was said of something else and is left out.
"""

import os
import select
import stat
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from stream.describing.latest import Description, Newest
from stream.errors import UsageError
from stream.publish.messages import Notes

LONGEST = 2000  # bytes of a line; four times what a text branch reads
CLEAR = "-"
POLL_S = 0.1
_CHUNK = 1 << 16  # bytes a poll
_TAIL = 64  # bytes before the place reached, by which a file written anew is told from one that grew


class Lines:
    """Bytes in pieces → lines that are not empty, printable and at most ``LONGEST`` bytes."""

    def __init__(self) -> None:
        self.shortened = 0
        self._begun = b""  # of a line that has not ended
        self._over = False

    def push(self, chunk: bytes) -> Iterator[str]:
        *ended, begun = chunk.split(b"\n")
        for piece in ended:
            self._add(piece)
            yield from self.flush()
        self._add(begun)

    def flush(self) -> Iterator[str]:
        """The line that was begun, as if it had ended."""
        raw, over = self._begun, self._over
        self._begun, self._over = b"", False
        text = raw.decode("utf-8", "ignore" if over else "replace")  # a character may be cut in two
        line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
        if line:
            self.shortened += over
            yield line

    def _add(self, piece: bytes) -> None:
        self._over |= len(self._begun) + len(piece) > LONGEST
        self._begun += piece[: LONGEST - len(self._begun)]


class Typed:
    """Standard input, up to its end; never read beyond what is there."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self.ended = False

    def read(self) -> bytes:
        """What has come since, within ``POLL_S``."""
        try:
            if not select.select([self._fd], [], [], POLL_S)[0]:
                return b""
            chunk = os.read(self._fd, _CHUNK)
        except (OSError, ValueError):  # closed under our hands
            chunk = b""
        self.ended = not chunk
        return chunk

    def close(self) -> None:
        """Leaves it open: it is not ours."""


class Followed:
    """A file that may come later, grow, be cut short, be written anew or be replaced by another."""

    ended = False  # it may always go on

    def __init__(self, path: Path) -> None:
        """UsageError for a folder and for what cannot be read."""
        self._path = path
        self._at = 0
        self._tail = b""
        self._fd = self._opened()
        if self._fd is not None:
            self._at = os.lseek(self._fd, 0, os.SEEK_END)
            self._tail = os.pread(self._fd, _TAIL, max(0, self._at - _TAIL))
        elif os.path.lexists(path):
            raise UsageError(
                f"--notes {path}: expected a file of lines that can be read, or -, found something else; "
                "name another or check its permissions."
            )

    def read(self) -> bytes:
        """What is new, if anything."""
        try:
            if self._fd is None:
                self._fd, self._at, self._tail = self._opened(), 0, b""
            return b"" if self._fd is None else self._read(self._fd)
        except OSError:
            self.close()
            return b""

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _read(self, fd: int) -> bytes:
        again = b""
        found = os.pread(fd, len(self._tail) + _CHUNK, self._at - len(self._tail))
        if not found.startswith(self._tail):  # cut short or written anew
            found, again = os.pread(fd, _CHUNK, 0), b"\n"  # the line that was begun will not go on
            self._at, self._tail = 0, b""
        chunk = found[len(self._tail) :]
        self._at += len(chunk)
        self._tail = found[-_TAIL:]
        if not chunk and self._replaced(fd):
            self.close()
            again = b"\n"
        return again + chunk

    def _replaced(self, fd: int) -> bool:
        try:
            named = os.stat(self._path)
        except OSError:  # gone; another may come
            return True
        ours = os.fstat(fd)
        return (named.st_dev, named.st_ino) != (ours.st_dev, ours.st_ino)

    def _opened(self) -> int | None:
        try:
            fd = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK)
        except OSError:
            return None
        if stat.S_ISREG(os.fstat(fd).st_mode):
            return fd
        os.close(fd)
        return None


class Notebook:
    """A thread that puts each line into ``newest``, at the moment of the stream when it was read."""

    def __init__(self, source: str, newest: Newest) -> None:
        """``source``: a path, or - for standard input. UsageError for what is no file."""
        self._newest = newest
        self._reader = _typed() if source == "-" else Followed(Path(source))
        self._lines = Lines()
        self._read = 0
        self._moment: tuple[float, int] | None = None  # media seconds and scene of the newest frame
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="notes", daemon=True)

    def start(self) -> None:
        """Begin; what is typed before the first frame waits for it."""
        self._thread.start()

    def see(self, pts: float, scene: int) -> None:
        """The fast lane's: the moment that a line typed now speaks of."""
        self._moment = (pts, scene)

    def status(self) -> Notes:
        """What health says."""
        return Notes(read=self._read, shortened=self._lines.shortened)

    def close(self) -> None:
        """Safe to call twice."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(1.0)
        elif self._reader is not None:
            self._reader.close()

    def _work(self) -> None:
        reader = self._reader
        try:
            while reader is not None and not reader.ended and not self._closing.wait(POLL_S):
                if self._moment is None:
                    continue
                for line in self._lines.push(reader.read()):
                    self._say(line)
            for line in self._lines.flush():
                self._say(line)
        finally:
            if reader is not None:
                reader.close()

    def _say(self, line: str) -> None:
        pts, scene = self._moment or (0.0, 0)
        self._read += 1
        self._newest.put(Description("" if line == CLEAR else line, pts, scene))


def _typed() -> Typed | None:
    """Standard input, or None where it was closed before we began."""
    try:
        return None if sys.stdin is None else Typed(sys.stdin.fileno())
    except (OSError, ValueError):
        return None
