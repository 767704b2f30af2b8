"""Every error of libav becomes one sentence with a code, and none tells an address."""

import errno
import time

import av.error
import pytest

from stream.capture.decoding.libav_errors import Explaining
from stream.errors import SourceError, SourceTimeout

URL = "rtsp://admin:S3cret@camera/press?token=S3cret"
LIVE = Explaining("rtsp://camera (a1b2)", URL, finite=False)
FILE = Explaining("film.mp4", "/films/film.mp4", finite=True)


def explained(error: Exception, by: Explaining = LIVE, *, waited_s: float = 0.0) -> SourceError:
    return by.explain(error, "open", 7.0, time.monotonic() - waited_s, 10.0)


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (av.error.ConnectionRefusedError(errno.ECONNREFUSED, "refused"), "refused", "refused the connection"),
        (av.error.HTTPUnauthorizedError(401, "no"), "auth", "denied access"),
        (av.error.HTTPForbiddenError(403, "no"), "auth", "denied access"),
        (av.error.HTTPNotFoundError(404, "no"), "not_found", "was not found"),
        (av.error.FileNotFoundError(errno.ENOENT, "no"), "not_found", "was not found"),
        (av.error.InvalidDataError(1, "bad"), "corrupt", "damaged, cut short or no video"),
        (OSError(errno.EIO, "error in the TLS handshake"), "tls", "encrypted connection failed"),
        (OSError(errno.EIO, "SSL certificate has expired"), "tls", "encrypted connection failed"),
        (OSError(errno.EIO, "Input/output error"), "broke_off", "Input/output error"),
        (ValueError(), "broke_off", "ValueError"),
    ],
)
def test_codes_and_sentences(error: Exception, code: str, words: str) -> None:
    found = explained(error)
    assert not isinstance(found, SourceTimeout)
    assert found.code == code
    assert words in str(found)
    assert LIVE.name in str(found)
    assert "\n" not in str(found)


@pytest.mark.parametrize("error", [av.error.ExitError(1, "x"), av.error.TimeoutError(errno.ETIMEDOUT, "x")])
def test_a_timeout_names_what_the_user_set(error: Exception) -> None:
    found = explained(error)
    assert isinstance(found, SourceTimeout)
    assert found.code == "timeout"
    assert "within 7 s" in str(found)


def test_another_error_after_the_whole_wait_is_a_timeout_of_a_live_source_only() -> None:
    error = OSError(errno.EIO, "Input/output error")
    assert isinstance(explained(error, waited_s=9.5), SourceTimeout)
    assert not isinstance(explained(error, waited_s=5.0), SourceTimeout)
    assert not isinstance(explained(error, FILE, waited_s=9.5), SourceTimeout)


def test_no_sentence_tells_the_address() -> None:
    for reason in (f"cannot open {URL}", "at http://u:S3cret@host/x"):
        assert "S3cret" not in str(explained(OSError(errno.EIO, reason)))
