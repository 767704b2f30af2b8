"""How each kind of source is opened: libav options, whitelists and timeouts, as data."""

from dataclasses import dataclass, field
from typing import Any

# 8192 × 8192: above every broadcast format, below what would exhaust a small machine.
MAX_PIXELS = 1 << 26

# libav looks at a stream before it gives anything out, by default for up to 5 s and 20 pictures: at live pace
# that is a late first picture, and at a picture a second it never ends in time.
_BRIEF_LOOK = {"analyzeduration": "1000000", "fpsprobesize": "3"}
# What a source may open in turn. A local playlist cannot reach the network; what one on the web reaches is
# fetched and checked by ``web``, so libav itself may open nothing for it.
_LOCAL = "file,crypto,data"
_WEB = "crypto,data"
_ONE_BY_ONE = {"http_persistent": "0", "http_multiple": "0"}  # each segment asked for by itself
# auto: in TCP, and where the camera answers that it has none, in UDP.
_TRANSPORTS = {
    "auto": {"rtsp_transport": "udp+tcp", "rtsp_flags": "prefer_tcp"},
    "tcp": {"rtsp_transport": "tcp"},
    "udp": {"rtsp_transport": "udp"},
}


@dataclass(frozen=True, slots=True)
class Profile:
    """Arguments for opening one source."""

    url: str
    format: str | None = None
    options: dict[str, str] = field(default_factory=dict)


def profile(request: dict[str, Any]) -> Profile:
    """The profile of ``request`` (kind, url, picture_format, read_timeout_s, rtsp_transport)."""
    kind, url = request["kind"], request["url"]
    timeout_us = str(int(request["read_timeout_s"] * 1e6))
    common = {"max_pixels": str(MAX_PIXELS)}
    live = {**common, **_BRIEF_LOOK}
    if kind in ("file", "demo"):
        # "file:" keeps libav from reading a protocol into a name such as "concat:a".
        return Profile(f"file:{url}", None, {**common, "protocol_whitelist": _LOCAL})
    if kind == "picture":
        return Profile(f"file:{url}", request["picture_format"], {**common, "protocol_whitelist": _LOCAL})
    if kind == "http":
        return Profile(url, None, {**live, **_ONE_BY_ONE, "protocol_whitelist": _WEB})
    if kind == "rtsp":
        rtsp = {"timeout": timeout_us, "fflags": "+genpts+discardcorrupt"}
        return Profile(url, None, {**live, **rtsp, **_TRANSPORTS[request["rtsp_transport"]]})
    if kind == "rtmp":
        return Profile(url, None, {**live, "rw_timeout": timeout_us})
    if kind == "device":
        return Profile(url, "v4l2", common)
    raise ValueError(f"no profile for a source of kind {kind!r}")
