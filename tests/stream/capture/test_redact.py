import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.capture.redact import redact, redact_url


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("rtsp://admin:hunter2@cam/press", "rtsp://cam/press"),
        ("RTSPS://admin:hunter2@cam:322/press", "RTSPS://cam:322/press"),
        ("rtsp://admin@cam/press", "rtsp://cam/press"),
        ("rtsp://a:p@ss@cam/press", "rtsp://cam/press"),
        ("rtsp://a:p/s?s#s@cam/press", "rtsp://cam/press"),
        ("http://[::1]:80/x", "http://[::1]:80/x"),
        ("http://u:p@[::1]:80/x", "http://[::1]:80/x"),
        ("https://host/@user/live", "https://host/@user/live"),
        ("http://host/x?token=abc&quality=hd", "http://host/x?token=***&quality=hd"),
        ("http://host/x?a=1&X-Amz-Signature=ab/cd==", "http://host/x?a=1&X-Amz-Signature=***"),
        ("http://host/x?apiKey=1#access_token=2", "http://host/x?apiKey=***"),
        ("http://host/x?u=rtsp%3A%2F%2Fadmin%3Apw%40cam", "http://host/x?u=rtsp%3A%2F%2Fcam"),
        ("two: rtsp://a:b@c/d and 'http://e:f@g/h'.", "two: rtsp://c/d and 'http://g/h'."),
        ("mail someone@example.org", "mail someone@example.org"),
        ("/videos/monday@noon.mp4", "/videos/monday@noon.mp4"),
        ("", ""),
    ],
)
def test_examples(text: str, safe: str) -> None:
    assert redact(text) == safe


_SECRET = st.text(st.characters(blacklist_categories=["Cs", "Zs", "Zl", "Zp", "Cc"]), min_size=1, max_size=20)


def _marked(secret: str) -> str:
    """The secret with a core that occurs nowhere else; quotes and brackets would end an address in a text."""
    return "Zq7" + "".join(c for c in secret if c not in "\"'<>") + "7qZ"


@given(_SECRET)
def test_no_password_survives_in_a_sentence(secret: str) -> None:
    shown = redact(f"cannot open rtsp://admin:{_marked(secret)}@cam.example/press; check it")
    assert "Zq7" not in shown
    assert "7qZ" not in shown
    assert "rtsp://cam.example/press" in shown


@given(_SECRET)
def test_no_query_secret_survives(secret: str) -> None:
    marked = _marked(secret).replace("&", "").replace("%26", "")
    shown = redact(f"http://cam.example/press?quality=hd&token={marked}&n=1")
    assert "Zq7" not in shown
    assert "7qZ" not in shown


@given(st.text(max_size=30))
def test_a_whole_address_may_hold_anything(secret: str) -> None:
    shown = redact_url(f"rtsp://admin:Zq7{secret}7qZ@cam.example/press")
    assert "Zq7" not in shown
    assert "7qZ" not in shown


@given(st.text(max_size=200))
def test_any_text_is_taken_and_twice_is_once(text: str) -> None:
    once = redact(text)
    assert redact(once) == once


@given(st.from_regex(r"[a-z]{1,5}://[a-z:@/?#&=%.\[\] ]{0,40}", fullmatch=True))
def test_odd_addresses_settle(text: str) -> None:
    assert redact(redact(text)) == redact(text)


@pytest.mark.parametrize("piece", ["a", "a.", "?a", "&token=", "%3a%2f%2f", "://", "a@", "rtsp://a:b@"])
def test_long_texts_take_little_time(piece: str) -> None:
    began = time.perf_counter()
    redact(piece * (100_000 // len(piece)))
    assert time.perf_counter() - began < 2.0
