"""The fields of a protocol buffer, walked where they lie: nothing is copied and nothing is opened.

Only lengths are followed, so a file of gigabytes costs what its few thousand records cost
(protobuf.dev, Encoding).
"""

import contextlib
import mmap
from collections.abc import Iterator
from pathlib import Path

RECORDS = 1_000_000  # of one file; the graphs of this product have some ten thousand


class Broken(Exception):
    """Not a protocol buffer, one that ends too early, or one of more records than a graph has."""


class Walker:
    """Walks the messages of one file; all of them count towards the same limit of records."""

    def __init__(self, raw: mmap.mmap | bytes) -> None:
        self.raw = raw
        self._left = RECORDS

    def fields(self, at: int, end: int) -> Iterator[tuple[int, int | slice]]:
        """Number and value of each field: an integer (fixed ones as their bits), or where its bytes lie.

        Raises Broken.
        """
        while at < end:
            self._left -= 1
            if self._left < 0:
                raise Broken(f"more than {RECORDS:,} records")
            tag, at = self.varint(at, end)
            number, kind = tag >> 3, tag & 7
            if kind == 0:
                value, at = self.varint(at, end)
                yield number, value
            elif kind in (1, 5):
                size = 8 if kind == 1 else 4
                at = _within(at + size, end)
                yield number, int.from_bytes(self.raw[at - size : at], "little")
            elif kind == 2:
                length, at = self.varint(at, end)
                start, at = at, _within(at + length, end)
                yield number, slice(start, at)
            else:
                raise Broken(f"field of kind {kind}")

    def varint(self, at: int, end: int) -> tuple[int, int]:
        """An integer of variable length, unsigned, and where the next record begins. Raises Broken."""
        value = shift = 0
        while at < end and shift < 64:
            byte = self.raw[at]
            value |= (byte & 127) << shift
            at, shift = at + 1, shift + 7
            if byte < 128:
                return value, at
        raise Broken("a number without an end")


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Walker]:
    """A walker of a file. Raises OSError, and ValueError for an empty file."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as raw:
        yield Walker(raw)


def _within(at: int, end: int) -> int:
    if at > end:
        raise Broken(f"{at - end} bytes are missing")
    return at
