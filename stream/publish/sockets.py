"""What all ZeroMQ sockets here have in common."""

from typing import Any

import zmq

HIGH_WATER = 1000  # messages buffered for one peer
HEARTBEAT_MS = 5000
HEARTBEAT_TIMEOUT_MS = 15000


def has_curve() -> bool:
    """Whether this libzmq can encrypt."""
    return bool(zmq.has("curve"))


def configure(sock: "zmq.Socket[Any]", address: str) -> None:
    """Heartbeats, no linger, and IPv6 where the address needs it."""
    sock.setsockopt(zmq.LINGER, 0)
    sock.setsockopt(zmq.HEARTBEAT_IVL, HEARTBEAT_MS)
    sock.setsockopt(zmq.HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT_MS)
    if address.startswith("tcp://["):  # only then: with it on, "localhost" means ::1 first
        sock.setsockopt(zmq.IPV6, 1)
