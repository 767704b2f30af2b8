"""Which hosts a playlist or a redirect may lead to.

A stranger's playlist must not make this machine ask its own network for something. Covered: every HTTP(S)
request of a source, so redirects, playlists, segments, keys and initialisation parts; names are resolved
first and the connection goes to the address that was checked. Not covered: an RTSP or RTMP server that sends
its client elsewhere, and what a proxy named in the environment resolves that we cannot.
"""

import ipaddress
import socket
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from stream.errors import SourceError

PORTS = {"http": 80, "https": 443}


def endpoint(url: str) -> tuple[str, int]:
    """Host in lower case and port of an http(s) address. Raises ValueError for another."""
    parts = urlsplit(url)
    if parts.scheme not in PORTS or not parts.hostname:
        raise ValueError("no http or https address")
    return parts.hostname.lower(), parts.port or PORTS[parts.scheme]


@dataclass(frozen=True, slots=True)
class Reach:
    """What one source may connect to: its own host and port, public addresses, and what was permitted."""

    name: str  # of the source, as people read it
    own: tuple[str, int]
    allowed: tuple[tuple[str, int | None], ...] = ()  # hosts in lower case; None: any port
    proxies: frozenset[tuple[str, int]] = field(default_factory=frozenset)

    def resolve(self, host: str, port: int) -> list[str]:
        """The addresses to connect to. Raises SourceError for a forbidden one, OSError for no such name."""
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = [str(entry[4][0]) for entry in found]
        self.check(host, port, addresses)
        return addresses

    def check(self, host: str, port: int, addresses: Iterable[str]) -> None:
        """Raises SourceError when one of ``addresses`` of ``host`` is none that a stranger may name."""
        host = host.lower()
        if (host, port) == self.own or (host, port) in self.proxies:
            return
        if (host, None) in self.allowed or (host, port) in self.allowed:
            return
        for address in addresses:
            kind = _kind(address)
            if kind is not None:
                shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
                raise SourceError(
                    f"{self.name}: expected its playlist or redirect to lead to a public address, "
                    f"found {shown} ({kind}); add --allow-host {shown} if that is meant",
                    code="forbidden",
                )

    def refuse(self, scheme: str) -> SourceError:
        """The error for an address of another scheme inside a playlist or redirect."""
        return SourceError(
            f"{self.name}: expected its playlist or redirect to lead to http or https, found {scheme[:20]}:; "
            "only these are opened for it, watch the address itself if you trust it",
            code="forbidden",
        )


def _kind(address: str) -> str | None:
    """What makes an address one of ours; None for one of the public internet."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = (
            ip.ipv4_mapped or ip.sixtofour or (ipaddress.IPv4Address(ip.packed[12:]) if _nat64(ip) else None)
        )
        if inner is not None:
            ip = inner
    if ip.is_loopback or ip.is_unspecified:
        return "loopback"
    if ip.is_link_local:
        return "link-local"
    if ip.is_multicast:
        return "multicast"
    return None if ip.is_global else "private"


def _nat64(ip: ipaddress.IPv6Address) -> bool:
    return ip in ipaddress.IPv6Network("64:ff9b::/96")
