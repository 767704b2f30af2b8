"""What libav raises, as one sentence for a user and a code for a program."""

import errno
import time
import urllib.error
from dataclasses import dataclass

import av.error

from stream.capture.redact import hide_addresses
from stream.errors import SourceError, SourceTimeout


@dataclass(frozen=True, slots=True)
class Explaining:
    """Explains errors of one source: its shown name, its address (never shown), whether it is a recording."""

    name: str
    url: str
    finite: bool

    def explain(
        self, error: Exception, verb: str, timeout_s: float, since: float, limit_s: float
    ) -> SourceError:
        """The error of a call to ``verb`` ("open", "read") that began at ``since`` (monotonic seconds).

        ``timeout_s`` is what the sentence names, ``limit_s`` what libav was given.
        """
        if isinstance(error, SourceError):
            return error
        if isinstance(error, urllib.error.HTTPError):
            return self._status(error.code)
        if isinstance(error, urllib.error.URLError) and isinstance(error.reason, Exception):
            error = error.reason
        name = self.name
        # Some protocols turn a timeout into another error; the time it took gives it away.
        waited = not self.finite and time.monotonic() - since > 0.9 * limit_s
        if waited or isinstance(error, av.error.ExitError | TimeoutError):
            return SourceTimeout(
                f"{name} sent no picture within {timeout_s:g} s; check that it is running and sending video"
            )
        if isinstance(error, ConnectionRefusedError):
            return SourceError(
                f"{name} refused the connection; check host and port and that the server runs", code="refused"
            )
        if isinstance(error, av.error.HTTPUnauthorizedError | av.error.HTTPForbiddenError):
            return self._status(401)
        if isinstance(error, av.error.HTTPNotFoundError | av.error.FileNotFoundError):
            return self._status(404)
        if getattr(error, "errno", None) == errno.EPROTONOSUPPORT:
            return SourceError(
                f"{name} does not offer this transport; use --rtsp-transport auto", code="unreadable"
            )
        if isinstance(error, av.error.InvalidDataError):
            return SourceError(
                f"{name} is not a video that can be read; it is damaged, cut short or no video",
                code="corrupt",
            )
        reason = getattr(error, "strerror", None) or type(error).__name__
        if any(word in str(reason).lower() for word in ("tls", "ssl", "certificate")):
            return SourceError(
                f"{name}: the encrypted connection failed; check its certificate and this machine's clock",
                code="tls",
            )
        reason = hide_addresses(str(reason).replace(self.url, "it"))
        return SourceError(f"cannot {verb} {name} ({reason}); check the address and that it holds video")

    def _status(self, status: int) -> SourceError:
        """The error for a status of HTTP or RTSP."""
        name = self.name
        if status in (401, 403, 407):
            return SourceError(f"{name} denied access; check user name, password or token", code="auth")
        if status in (404, 410):
            return SourceError(f"{name} was not found; check the address", code="not_found")
        if 300 <= status < 400:
            return SourceError(
                f"{name} redirects in a circle or to nowhere; check the address", code="not_found"
            )
        return SourceError(f"{name} answers with status {status}; check the address and its server")
