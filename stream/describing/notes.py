"""Descriptions that an operator types: on standard input, or into a file that is followed as by ``tail -f``.

Each line is a description; a line with a single dash withdraws the ones before it. Lines that a file holds
when the run starts describe something else and are skipped.
"""

import os
import select
import stat
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from stream.describing.latest import Description, LatestDescription
from stream.errors import UsageError
from stream.publish.messages import Notes

LONGEST = 2000  # bytes of a line; four times what a text branch reads
CLEAR = "-"
POLL_S = 0.1
_CHUNK = 1 << 16  # bytes a poll
_TAIL = 64  # last bytes read, to tell a rewritten file from one that grew


class Lines:
    """Bytes in pieces → lines: printable, not empty, at most ``LONGEST`` bytes."""

    def __init__(self) -> None:
        self.shortened = 0
        self._unfinished = b""  # a line without its end
        self._over = False

    def push(self, chunk: bytes) -> Iterator[str]:
        *ended, rest = chunk.split(b"\n")
        for piece in ended:
            self._add(piece)
            yield from self.flush()
        self._add(rest)

    def flush(self) -> Iterator[str]:
        """The unfinished line, as if it had ended."""
        raw, over = self._unfinished, self._over
        self._unfinished, self._over = b"", False
        text = raw.decode("utf-8", "ignore" if over else "replace")  # a character may be cut in two
        line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
        if line:
            self.shortened += over
            yield line

    def _add(self, piece: bytes) -> None:
        self._over |= len(self._unfinished) + len(piece) > LONGEST
        self._unfinished += piece[: LONGEST - len(self._unfinished)]


class Typed:
    """Standard input, up to its end; a read never blocks."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self.ended = False

    def read(self) -> bytes:
        """New bytes, after ``POLL_S`` at most."""
        try:
            if not select.select([self._fd], [], [], POLL_S)[0]:
                return b""
            chunk = os.read(self._fd, _CHUNK)
        except (OSError, ValueError):  # closed meanwhile
            chunk = b""
        self.ended = not chunk
        return chunk

    def close(self) -> None:
        """Leaves it open: the process owns it."""


class Followed:
    """A file that may appear later, grow, be truncated, be rewritten or be replaced."""

    ended = False  # it may always grow

    def __init__(self, path: Path) -> None:
        """UsageError for a folder and for a file that cannot be read."""
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
        """New bytes, if any."""
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
        data = os.pread(fd, len(self._tail) + _CHUNK, self._at - len(self._tail))
        if not data.startswith(self._tail):  # truncated or rewritten
            data, again = os.pread(fd, _CHUNK, 0), b"\n"  # ends the unfinished line
            self._at, self._tail = 0, b""
        chunk = data[len(self._tail) :]
        self._at += len(chunk)
        self._tail = data[-_TAIL:]
        if not chunk and self._replaced(fd):
            self.close()
            again = b"\n"
        return again + chunk

    def _replaced(self, fd: int) -> bool:
        try:
            named = os.stat(self._path)
        except OSError:  # deleted; another may follow
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
    """A thread that puts each line into ``newest``, as a description of the moment when it was read."""

    def __init__(self, source: str, newest: LatestDescription) -> None:
        """``source``: a path, or - for standard input. UsageError: the path is no file."""
        self._newest = newest
        self._reader = _standard_input() if source == "-" else Followed(Path(source))
        self._lines = Lines()
        self._read = 0
        self._moment: tuple[float, int] | None = None  # media seconds and scene of the newest frame
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="notes", daemon=True)

    def start(self) -> None:
        """Start the thread; what is typed before the first frame waits for it."""
        self._thread.start()

    def see(self, pts: float, scene: int) -> None:
        """For the fast lane: the moment that a line typed now describes."""
        self._moment = (pts, scene)

    def status(self) -> Notes:
        """The operator's part of a health message."""
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
                    self._put(line)
            for line in self._lines.flush():
                self._put(line)
        finally:
            if reader is not None:
                reader.close()

    def _put(self, line: str) -> None:
        pts, scene = self._moment or (0.0, 0)
        self._read += 1
        self._newest.put(Description("" if line == CLEAR else line, pts, scene))


def _standard_input() -> Typed | None:
    """Standard input, or None when it was closed before the start."""
    try:
        return None if sys.stdin is None else Typed(sys.stdin.fileno())
    except (OSError, ValueError):
        return None
