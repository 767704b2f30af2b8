"""What the decoder child says to its parent, decoded strictly: it handles what strangers send."""

import math
from dataclasses import dataclass

import msgspec

from stream.capture.picture import StreamInfo
from stream.capture.shared_frames import MOST_BYTES, MOST_SLOTS, Segment, check, segment_bytes
from stream.errors import SOURCE_FAULTS, SourceError, SourceFault, SourceTimeout

LONGEST_SENTENCE = 2000
LARGEST_SIDE = 1 << 16  # pixels


@dataclass(frozen=True, slots=True, eq=False)
class Message:
    """One of: a segment with the number of its first frame, what the source announces, its fault, its end."""

    segment: tuple[int, Segment] | None = None
    info: StreamInfo | None = None
    fault: SourceError | None = None
    ended: bool = False


class _Shape(msgspec.Struct, forbid_unknown_fields=True):
    slots: int
    slot_bytes: int
    first: int


class _Info(msgspec.Struct, forbid_unknown_fields=True):
    width: int
    height: int
    fps: float | None
    codec: str
    duration_s: float | None
    others: tuple[str, ...] = ()


class _Raw(msgspec.Struct, forbid_unknown_fields=True):
    segment: _Shape | None = None
    info: _Info | None = None
    error: str | None = None
    timeout: bool = False
    code: str = "broke_off"
    end: bool = False


def read_message(data: bytes, fds: list[int]) -> Message:
    """Decode one packet and what came with it. Raises SourceError for anything that is no message."""
    try:
        raw = msgspec.json.decode(data, type=_Raw)
        if raw.segment is not None:
            return Message(segment=_segment(raw.segment, fds))
        if raw.info is not None:
            return Message(info=_info(raw.info))
    except (msgspec.MsgspecError, ValueError, OSError) as error:
        raise SourceError(
            f"expected a message of the decoder, found another ({str(error)[:100]}); start it again"
        ) from error
    if raw.error is not None:
        known = {name: name for name in SOURCE_FAULTS}
        code: SourceFault = known.get(raw.code, "broke_off")  # type: ignore[call-overload]
        sentence = "".join(c if c.isprintable() else "?" for c in raw.error[:LONGEST_SENTENCE])
        return Message(fault=(SourceTimeout if raw.timeout else SourceError)(sentence, code=code))
    return Message(ended=raw.end)


def _segment(shape: _Shape, fds: list[int]) -> tuple[int, Segment]:
    if len(fds) != 1 or not (0 < shape.slots <= MOST_SLOTS and 0 < shape.slot_bytes <= MOST_BYTES + 4096):
        raise ValueError("a segment of an odd shape")
    if shape.first < 0:
        raise ValueError("a segment that begins before the first frame")
    check(fds[0], segment_bytes(shape.slots, shape.slot_bytes))
    return shape.first, Segment(fds[0], shape.slots, shape.slot_bytes)


def _info(raw: _Info) -> StreamInfo:
    if not (0 <= raw.width <= LARGEST_SIDE and 0 <= raw.height <= LARGEST_SIDE):
        raise ValueError("a picture of an odd size")
    for figure in (raw.fps, raw.duration_s):
        if figure is not None and not (math.isfinite(figure) and figure >= 0):
            raise ValueError("a rate or duration that is no number")
    return StreamInfo(raw.width, raw.height, raw.fps, raw.codec[:100], raw.duration_s, raw.others)
