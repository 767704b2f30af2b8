"""What a decoder says about its source and about each picture, without saying how it decodes."""

from collections.abc import Callable
from dataclasses import dataclass

from stream.records import Image


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """What a source announces about itself; pictures may differ from it."""

    width: int
    height: int
    fps: float | None
    codec: str
    duration_s: float | None  # None for an endless source
    others: tuple[str, ...] = ()  # sizes of the video streams that were not chosen


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One decoded picture whose pixels are made only when asked for."""

    pts: float | None  # media seconds
    arrived: float  # monotonic seconds: the demuxer gave its packet
    size: tuple[int, int]  # height, width
    corrupt: bool
    render: Callable[[], Image]  # uint8 [H, W, 3], RGB; valid until the next picture is asked for
    happened: float | None = None  # monotonic seconds at which it was live, where the source tells
    behind: bool = False  # passed over on the way back to the live edge
