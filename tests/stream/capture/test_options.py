"""What a source may reach and how it is opened, as a user says it."""

import pytest

from stream.capture.options import AccessOptions
from stream.capture.source import Source
from stream.errors import UsageError


def test_options_of_access() -> None:
    hosts = AccessOptions(allow_hosts=("CDN.example", "10.0.0.5:8080", "[fd00::1]:81", "fd00"))
    assert hosts.permitted == (("cdn.example", None), ("10.0.0.5", 8080), ("fd00::1", 81), ("fd00", None))
    for text in ("", "http://x", "a/b", "x:port", "u@x", "a b", "x:99999"):
        with pytest.raises(UsageError, match="--allow-host: expected HOST or HOST:PORT"):
            AccessOptions(allow_hosts=(text,))


def test_a_transport_is_rtsp_s() -> None:
    with pytest.raises(UsageError, match="--rtsp-transport: expected auto, tcp or udp, found 'sctp'"):
        AccessOptions(rtsp_transport="sctp")
    udp = AccessOptions(rtsp_transport="udp")
    assert Source.parse("rtsp://camera/x", access=udp).access is udp
    with pytest.raises(UsageError, match="--rtsp-transport: expected an rtsp:// source, found http://camera"):
        Source.parse("http://camera/x", access=udp)


def test_a_source_reaches_nothing_private_and_is_no_growing_file_unless_asked() -> None:
    options = AccessOptions()
    assert options.permitted == ()
    assert (options.rtsp_transport, options.follow, options.max_lag_s) == ("auto", False, None)
