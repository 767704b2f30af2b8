"""What libav is given for each kind of source: whitelists, timeouts, and no name read as a protocol."""

from typing import get_args

import pytest

from stream.capture.decoding.open_options import MAX_PIXELS, Profile, profile
from stream.capture.source import Kind


def of(kind: str, url: str = "/films/a.mp4", transport: str = "auto") -> Profile:
    return profile(
        {
            "kind": kind,
            "url": url,
            "picture_format": "png_pipe",
            "read_timeout_s": 2.5,
            "rtsp_transport": transport,
        }
    )


@pytest.mark.parametrize("kind", ["file", "demo", "picture"])
def test_what_is_local_reaches_no_network(kind: str) -> None:
    found = of(kind, "concat:a|b")
    assert found.url == "file:concat:a|b"
    allowed = found.options["protocol_whitelist"].split(",")
    assert not {"http", "https", "tcp", "udp", "rtp", "rtmp", "concat"} & set(allowed)


def test_for_a_source_on_the_web_libav_itself_opens_nothing() -> None:
    """Playlists, segments and keys are fetched for it, each looked at before."""
    assert set(of("http").options["protocol_whitelist"].split(",")) == {"crypto", "data"}


@pytest.mark.parametrize(("kind", "option"), [("rtmp", "rw_timeout"), ("rtsp", "timeout")])
def test_the_read_timeout_is_given_in_microseconds(kind: str, option: str) -> None:
    assert of(kind).options[option] == "2500000"


@pytest.mark.parametrize(
    ("transport", "tried"), [("auto", {"tcp", "udp"}), ("tcp", {"tcp"}), ("udp", {"udp"})]
)
def test_rtsp_goes_the_way_that_was_chosen(transport: str, tried: set[str]) -> None:
    options = of("rtsp", transport=transport).options
    assert set(options["rtsp_transport"].split("+")) == tried
    assert (options.get("rtsp_flags") == "prefer_tcp") == (transport == "auto"), "TCP comes first"


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
