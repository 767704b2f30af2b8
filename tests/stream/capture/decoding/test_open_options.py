"""What libav is given for each kind of source: whitelists, timeouts, and no name read as a protocol."""

from typing import get_args

import pytest

from stream.capture.decoding.open_options import MAX_PIXELS, Profile, profile
from stream.capture.source import Kind


def of(kind: str, url: str = "/films/a.mp4") -> Profile:
    return profile({"kind": kind, "url": url, "picture_format": "png_pipe", "read_timeout_s": 2.5})


@pytest.mark.parametrize("kind", ["file", "demo", "picture"])
def test_what_is_local_reaches_no_network(kind: str) -> None:
    found = of(kind, "concat:a|b")
    assert found.url == "file:concat:a|b"
    allowed = found.options["protocol_whitelist"].split(",")
    assert not {"http", "https", "tcp", "udp", "rtp", "rtmp", "concat"} & set(allowed)


def test_a_playlist_over_http_reaches_no_local_file() -> None:
    assert "file" not in of("http").options["protocol_whitelist"].split(",")


@pytest.mark.parametrize(
    ("kind", "option"), [("http", "rw_timeout"), ("rtmp", "rw_timeout"), ("rtsp", "timeout")]
)
def test_the_read_timeout_is_given_in_microseconds(kind: str, option: str) -> None:
    assert of(kind).options[option] == "2500000"


def test_rtsp_goes_over_tcp() -> None:
    assert of("rtsp").options["rtsp_transport"] == "tcp"


@pytest.mark.parametrize(("kind", "form"), [("picture", "png_pipe"), ("device", "v4l2"), ("file", None)])
def test_the_format_is_named_where_guessing_would_go_wrong(kind: str, form: str | None) -> None:
    assert of(kind).format == form


@pytest.mark.parametrize("kind", [kind for kind in get_args(Kind) if kind != "pattern"])
def test_every_kind_has_a_profile_that_bounds_the_picture(kind: str) -> None:
    assert of(kind).options["max_pixels"] == str(MAX_PIXELS)


def test_only_live_sources_are_looked_at_briefly() -> None:
    assert {kind for kind in ("file", "http", "rtsp", "rtmp") if "analyzeduration" in of(kind).options} == {
        "http",
        "rtsp",
        "rtmp",
    }


def test_a_kind_that_libav_does_not_open() -> None:
    with pytest.raises(ValueError, match="'pattern'"):
        of("pattern")
