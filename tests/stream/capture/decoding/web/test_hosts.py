"""Which addresses a stranger's playlist may name."""

import socket

import pytest

from stream.capture.decoding.web.hosts import Reach, endpoint
from stream.errors import SourceError

PRIVATE = [
    ("127.0.0.1", "loopback"),
    ("127.8.8.8", "loopback"),
    ("0.0.0.0", "loopback"),
    ("::1", "loopback"),
    ("::ffff:127.0.0.1", "loopback"),
    ("64:ff9b::7f00:1", "loopback"),
    ("2002:7f00:1::", "loopback"),
    ("10.0.0.1", "private"),
    ("192.168.1.20", "private"),
    ("172.16.0.1", "private"),
    ("100.64.0.1", "private"),
    ("fd00::1", "private"),
    ("169.254.169.254", "link-local"),
    ("fe80::1%eth0", "link-local"),
    ("224.0.0.1", "multicast"),
]


@pytest.mark.parametrize(("address", "kind"), PRIVATE)
def test_ours_is_refused_whatever_its_name(address: str, kind: str) -> None:
    reach = Reach("court", ("camera.example", 80))
    with pytest.raises(SourceError, match=rf"\({kind}\); add --allow-host cdn.example:81") as caught:
        reach.check("cdn.example", 81, ["93.184.216.34", address])
    assert caught.value.code == "forbidden"


def test_public_own_permitted_and_proxies_may_be_reached() -> None:
    reach = Reach(
        "court", ("10.0.0.1", 80), (("10.0.0.2", 81), ("cdn.lan", None)), frozenset({("10.0.0.3", 3128)})
    )
    reach.check("cdn.example", 443, ["93.184.216.34", "2606:2800:220:1::1"])
    reach.check("10.0.0.1", 80, ["10.0.0.1"])
    reach.check("10.0.0.2", 81, ["10.0.0.2"])
    reach.check("CDN.lan", 9999, ["10.9.9.9"])
    reach.check("10.0.0.3", 3128, ["10.0.0.3"])
    for host, port in (("10.0.0.1", 81), ("10.0.0.2", 80)):  # a host is permitted at a port
        with pytest.raises(SourceError, match="allow-host"):
            reach.check(host, port, [host])


def test_a_name_is_resolved_and_its_addresses_are_what_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("169.254.169.254", 80))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with pytest.raises(SourceError, match=r"metadata.example:80 \(link-local\)"):
        Reach("court", ("camera.example", 80)).resolve("metadata.example", 80)
    assert Reach("court", ("metadata.example", 80)).resolve("metadata.example", 80) == ["169.254.169.254"]


def test_endpoint() -> None:
    assert endpoint("https://User:p@Host.example/x") == ("host.example", 443)
    assert endpoint("http://[::1]:81/x") == ("::1", 81)
    for other in ("file:///etc/passwd", "gopher://x/", "/relative"):
        with pytest.raises(ValueError, match="address"):
            endpoint(other)
