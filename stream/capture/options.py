"""How a source is opened, and what it may reach: what a user decides beside its name."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from stream.errors import UsageError

TRANSPORTS = ("auto", "tcp", "udp")
Permitted = tuple[str, int | None]  # host in lower case, port; None: any port


@dataclass(frozen=True, slots=True)
class AccessOptions:
    """Raises UsageError for a value that is none."""

    # HOST or HOST:PORT beside its own that playlists and redirects may lead to although they are private.
    allow_hosts: tuple[str, ...] = ()
    rtsp_transport: str = "auto"  # tcp, udp; auto: tcp, and udp where the camera does not offer it
    follow: bool = False  # a file is still written: wait at its end
    # An HLS source with more unseen media than this returns to its live edge; None: five target durations.
    max_lag_s: float | None = None

    def __post_init__(self) -> None:
        _ = self.permitted
        if self.rtsp_transport not in TRANSPORTS:
            raise UsageError(
                f"--rtsp-transport: expected {', '.join(TRANSPORTS[:-1])} or {TRANSPORTS[-1]}, "
                f"found {self.rtsp_transport!r}; choose one of these."
            )

    @property
    def permitted(self) -> tuple[Permitted, ...]:
        """``allow_hosts`` taken apart."""
        return tuple(map(_permitted, self.allow_hosts))


def _permitted(text: str) -> Permitted:
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or parts.netloc != text or "@" in text or any(c.isspace() for c in text):
        raise UsageError(
            f"--allow-host: expected HOST or HOST:PORT, found {text!r}; write it as 10.0.0.5:8080."
        )
    return host.lower(), port
