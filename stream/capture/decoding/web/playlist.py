"""HLS playlists (RFC 8216) as far as we read them: addresses made absolute, segments, how far they reach."""

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urljoin

LONGEST = 4 << 20  # bytes of a playlist
_URI = re.compile(r'(URI=")([^"]*)(")')


@dataclass(frozen=True, slots=True)
class Segment:
    """One entry of a media playlist."""

    url: str
    seconds: float
    number: int  # its media sequence number
    unix_s: float | None  # wall clock of its first picture (EXT-X-PROGRAM-DATE-TIME), if the playlist has one


@dataclass(frozen=True, slots=True)
class Playlist:
    """What one fetch of a playlist said."""

    text: str  # the same with absolute addresses
    urls: tuple[str, ...]  # every address in it, in order
    segments: tuple[Segment, ...]
    target_s: float  # target duration; 0 in a playlist of variants
    ended: bool  # nothing will be added

    @property
    def media(self) -> bool:
        """Whether it lists segments rather than variants."""
        return self.target_s > 0


def is_playlist(head: bytes) -> bool:
    return head.removeprefix(b"\xef\xbb\xbf").startswith(b"#EXTM3U")


def read(text: str, base: str) -> Playlist:
    """Parse a playlist that was fetched from ``base``, redirects followed; never raises: what is odd is left
    to libav, which reads the same text."""
    lines, urls, segments = [], [], []
    target_s = seconds = 0.0
    number, unix_s, ended = 0, None, False

    def absolute(address: str) -> str:
        with suppress(ValueError):
            address = urljoin(base, address)
        urls.append(address)
        return address

    for line in text.lstrip("\ufeff").splitlines():
        line = line.strip()
        if line and not line.startswith("#"):
            line = absolute(line)
            segments.append(Segment(line, seconds, number, unix_s))
            number += 1
            unix_s = None if unix_s is None else unix_s + seconds
        elif line.startswith("#EXTINF:"):
            seconds = _number(line[8:].partition(",")[0])
        elif line.startswith("#EXT-X-TARGETDURATION:"):
            target_s = _number(line[22:])
        elif line.startswith("#EXT-X-MEDIA-SEQUENCE:"):
            number = int(_number(line[22:]))
        elif line.startswith("#EXT-X-PROGRAM-DATE-TIME:"):
            unix_s = _moment(line[25:])
        elif line.startswith("#EXT-X-ENDLIST"):
            ended = True
        elif line.startswith("#"):
            line = _in_attributes(line, absolute)
        lines.append(line)
    media = tuple(segments) if target_s > 0 else ()
    return Playlist("\n".join(lines) + "\n", tuple(urls), media, target_s, ended)


def _in_attributes(line: str, absolute: Callable[[str], str]) -> str:
    return _URI.sub(lambda match: match[1] + absolute(match[2]) + match[3], line)


def _number(text: str) -> float:
    with suppress(ValueError):
        value = float(text)
        if 0 <= value < 1e12:
            return value
    return 0.0


def _moment(text: str) -> float | None:
    with suppress(ValueError, OverflowError):
        moment = datetime.fromisoformat(text.strip())
        return moment.timestamp() if moment.tzinfo is not None else None
    return None
