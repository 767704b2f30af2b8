"""What the user named as a source, checked before anything is opened."""

import stat
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path
from typing import Literal
from urllib.parse import unquote

from stream.capture.options import AccessOptions
from stream.capture.redact import redact, redact_url, shown
from stream.errors import SourceError, UsageError

Kind = Literal["file", "picture", "http", "rtsp", "rtmp", "device", "demo", "pattern"]

SCHEMES: dict[str, Kind] = {
    "http": "http",
    "https": "http",
    "rtsp": "rtsp",
    "rtsps": "rtsp",
    "rtmp": "rtmp",
    "rtmps": "rtmp",
}
LIVE_KINDS = frozenset({"http", "rtsp", "rtmp", "device", "pattern"})
_MAGIC = {b"\x89PNG\r\n\x1a\n": "png_pipe", b"\xff\xd8\xff": "jpeg_pipe"}
_KNOWN = "give a file, http(s)://, rtsp(s)://, rtmp(s)://, /dev/videoN, demo or pattern"


@dataclass(frozen=True, slots=True)
class Source:
    """One video source. ``repr`` and ``name`` are safe to print; ``url`` may hold credentials."""

    kind: Kind
    url: str  # what libav opens: an absolute path, an address or a device
    name: str  # what people read, redacted
    live: bool  # does not wait for its reader
    picture_format: str | None = None  # libav demuxer of a picture file
    access: AccessOptions = field(default_factory=AccessOptions)

    def __repr__(self) -> str:
        return f"Source({self.kind}, {self.name!r})"

    @classmethod
    def parse(
        cls,
        text: str,
        *,
        name: str | None = None,
        show_url: bool = False,
        access: AccessOptions | None = None,
    ) -> "Source":
        """Reads what was typed as SOURCE.

        ``name`` is what people read instead of an address; without one that is scheme, host, port and a
        short hash, or with ``show_url`` the whole address but for its credentials.

        Raises SourceError with one sentence for a missing file, a directory, an empty file, an unknown
        scheme, an address without a host, or a missing device; UsageError for an option that does not suit.
        """
        source = replace(cls._parsed(text, name, show_url), access=access or AccessOptions())
        _check(source)
        return source

    @classmethod
    def _parsed(cls, text: str, name: str | None, show_url: bool) -> "Source":
        if not text.strip() or "\0" in text:
            raise SourceError(
                f"expected a video source, found an empty or unprintable name; {_KNOWN}", code="unreadable"
            )
        if text == "demo":
            return cls("demo", _demo_clip(), "demo", live=False)
        if text == "pattern":
            return cls("pattern", "pattern", "pattern", live=True)
        scheme, separator, rest = text.partition("://")
        if separator:
            scheme = scheme.lower()
            if scheme == "file":
                return _from_path(unquote(rest.removeprefix("localhost")))
            return _from_address(text, scheme, rest, name or (redact_url if show_url else shown)(text))
        return _from_path(text)


def _check(source: Source) -> None:
    """Raises UsageError for an option that means nothing to this kind of source."""
    if source.kind != "rtsp" and source.access.rtsp_transport != "auto":
        raise UsageError(
            f"--rtsp-transport: expected an rtsp:// source, found {source.name}; leave the option out."
        )
    if source.kind != "file" and source.access.follow:
        raise UsageError(
            f"--follow: expected a file that is still written, found {source.name}; leave the option out."
        )


def _from_address(text: str, scheme: str, rest: str, name: str) -> Source:
    kind = SCHEMES.get(scheme)
    if kind is None:
        raise SourceError(
            f"{name} has the scheme {scheme!r}, which cannot be read; {_KNOWN}", code="unreadable"
        )
    host = rest.split("/", 1)[0].rpartition("@")[2]
    if not host or host.startswith(":"):
        raise SourceError(f"{name} names no host; write it as {scheme}://host/path", code="unreadable")
    return Source(kind, text, name, live=True)


def _from_path(text: str) -> Source:
    path = Path(text)
    name = redact(text)
    device = text.startswith("/dev/video")
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        what = "video device" if device else "file"
        raise SourceError(
            f"{name}: there is no such {what}; check the path, or {_KNOWN}", code="unreadable"
        ) from None
    except OSError as error:
        raise SourceError(
            f"{name} cannot be read ({error.strerror}); check the path", code="unreadable"
        ) from None
    if device:
        if not stat.S_ISCHR(found.st_mode):
            raise SourceError(
                f"{name} is not a video device; plug a camera in or name a file", code="unreadable"
            )
        return Source("device", text, name, live=True)
    if stat.S_ISDIR(found.st_mode):
        raise SourceError(f"{name} is a directory; name one video file in it", code="unreadable")
    if not stat.S_ISREG(found.st_mode):
        raise SourceError(f"{name} is neither a file nor a video device; {_KNOWN}", code="unreadable")
    if found.st_size == 0:
        raise SourceError(f"{name} is empty (0 bytes); name a file that holds video", code="unreadable")
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError as error:
        raise SourceError(
            f"{name} cannot be read ({error.strerror}); check its permissions", code="unreadable"
        ) from None
    for magic, picture_format in _MAGIC.items():
        if head.startswith(magic):
            return Source("picture", str(path.absolute()), name, live=False, picture_format=picture_format)
    return Source("file", str(path.absolute()), name, live=False)


def _demo_clip() -> str:
    clip = files("stream") / "assets" / "demo.mp4"
    if not clip.is_file():
        raise SourceError(
            "the built-in clip stream/assets/demo.mp4 is missing; install the package again",
            code="unreadable",
        )
    return str(clip)
