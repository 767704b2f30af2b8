"""Pictures across a process border: a control page and segments of slots in anonymous shared memory.

The memory has no name (memfd): nothing to unlink, nothing to leak when either side is killed, and it does
not count against ``/dev/shm``. The decoder writes, the reader copies out; no lock is shared. A slot's
sequence number is odd while it is written and ``2·(k+1)`` once it holds the k-th picture, so a reader that
finds the same even number before and after its copy has a whole picture.
"""

import fcntl
import math
import mmap
import os
import struct
from dataclasses import dataclass

import numpy as np

from stream.errors import SourceError
from stream.records import Image

BUDGET = 48 << 20  # bytes of one segment; a picture above half of it gets a segment of one slot
MOST_SLOTS = 6
MOST_BYTES = 256 << 20  # bytes of one picture; a damaged header may announce anything

SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
_PAGE = 4096
_META = struct.Struct("<QddQdII")  # index, pts, captured, epoch, happened (or NaN), height, width
_META_AT = 8  # after the sequence number


class Control:
    """Counters that both sides see: one page of unsigned 64-bit words, each written by one side only."""

    _WORDS = (
        "decoded",
        "published",
        "errors",
        "corrupt",
        "late",
        "progress",
        "ended",
        "taken",
        "segments",
        "behind",
    )

    def __init__(self, fd: int) -> None:
        self._words = np.frombuffer(mmap.mmap(fd, _PAGE), np.uint64)

    @staticmethod
    def create() -> int:
        """A file descriptor of a fresh, zeroed page."""
        return _reserve("undertone-control", _PAGE)

    def get(self, word: str) -> int:
        return int(self._words[self._WORDS.index(word)])

    def set(self, word: str, value: int) -> None:
        self._words[self._WORDS.index(word)] = value

    def add(self, word: str, by: int = 1) -> None:
        self.set(word, self.get(word) + by)


@dataclass(frozen=True, slots=True)
class Meta:
    """What travels beside a picture."""

    index: int  # counts decoded pictures
    pts: float  # media seconds
    captured: float  # monotonic seconds
    epoch: int  # counts discontinuities
    happened: float | None = None  # monotonic seconds at which it was live, where the source tells


class Segment:
    """Places for ``slots`` pictures of at most ``slot_bytes`` bytes; the k-th lies in place k % slots."""

    def __init__(self, fd: int, slots: int, slot_bytes: int) -> None:
        self.fd, self.slots, self.slot_bytes = fd, slots, slot_bytes
        self._memory = mmap.mmap(fd, segment_bytes(slots, slot_bytes))
        self._bytes = np.frombuffer(self._memory, np.uint8)
        self._sequences = np.frombuffer(self._memory, np.uint64)

    @classmethod
    def create(cls, picture_bytes: int) -> "Segment":
        """A segment for pictures of ``picture_bytes``; raises SourceError where it cannot be had."""
        if picture_bytes > MOST_BYTES:
            raise SourceError(
                f"a picture of {picture_bytes >> 20} MiB is above the limit of {MOST_BYTES >> 20} MiB"
            )
        slot_bytes = -(-picture_bytes // _PAGE) * _PAGE
        slots = max(1, min(MOST_SLOTS, BUDGET // slot_bytes))
        return cls(_reserve("undertone-frames", segment_bytes(slots, slot_bytes)), slots, slot_bytes)

    def begin(self, k: int, height: int, width: int) -> Image:
        """The place of picture ``k``, uint8 [height, width, 3], to be filled before ``commit``."""
        self._sequences[self._word(k)] = 2 * k + 1
        return self._view(k, height, width)

    def commit(self, k: int, meta: Meta, height: int, width: int) -> None:
        at = self._start(k) + _META_AT
        happened = math.nan if meta.happened is None else meta.happened
        fields = (meta.index, meta.pts, meta.captured, meta.epoch, happened)
        _META.pack_into(self._memory, at, *fields, height, width)
        self._sequences[self._word(k)] = 2 * (k + 1)

    def read(self, k: int) -> tuple[Meta, Image] | None:
        """A copy of picture ``k``, or None where it has been written over."""
        word, whole = self._word(k), 2 * (k + 1)
        if int(self._sequences[word]) != whole:
            return None
        index, pts, captured, epoch, happened, height, width = _META.unpack_from(
            self._memory, self._start(k) + _META_AT
        )
        if not 0 < height * width * 3 <= self.slot_bytes:  # the numbers themselves are being written over
            return None
        if not (math.isfinite(pts) and math.isfinite(captured)):
            return None
        image = self._view(k, height, width).copy()
        if int(self._sequences[word]) != whole:
            return None
        return Meta(index, pts, captured, epoch, happened if math.isfinite(happened) else None), image

    def _start(self, k: int) -> int:
        return k % self.slots * (_PAGE + self.slot_bytes)

    def _word(self, k: int) -> int:
        return self._start(k) // 8

    def _view(self, k: int, height: int, width: int) -> Image:
        start = self._start(k) + _PAGE
        return self._bytes[start : start + height * width * 3].reshape(height, width, 3)


def segment_bytes(slots: int, slot_bytes: int) -> int:
    """Size of a segment's memory."""
    return slots * (_PAGE + slot_bytes)


def check(fd: int, size: int) -> None:
    """Raises SourceError unless the memory has that size and can never have another.

    A decoder that is broken, or not ours any more, could otherwise shrink it under its reader: a bus error.
    """
    try:
        sealed = fcntl.fcntl(fd, fcntl.F_GET_SEALS)
        found = os.fstat(fd).st_size
    except OSError:
        sealed, found = 0, -1
    if sealed & SEALS != SEALS or found != size:
        raise SourceError("the decoder gave memory that is not sealed or of another size; start it again")


def _reserve(name: str, size: int) -> int:
    fd = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.posix_fallocate(fd, 0, size)  # now, in one sentence, rather than later as a bus error
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, SEALS)
    except OSError as error:
        os.close(fd)
        raise SourceError(
            f"cannot have {size >> 20} MiB of shared memory for pictures ({error.strerror}); free some memory"
        ) from None
    return fd
