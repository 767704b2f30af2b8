"""What every socket here has: it lingers for nobody, notices a dead peer, and speaks IPv6 where asked."""

from collections.abc import Iterator

import pytest
import zmq

from stream.publish.sockets import HEARTBEAT_MS, HEARTBEAT_TIMEOUT_MS, configure, has_curve


@pytest.fixture
def sock() -> Iterator[zmq.Socket]:
    with zmq.Context() as context, context.socket(zmq.SUB) as sock:
        yield sock


def test_closing_never_waits_and_a_dead_peer_is_noticed(sock: zmq.Socket) -> None:
    configure(sock, "tcp://127.0.0.1:5556")
    assert sock.getsockopt(zmq.LINGER) == 0
    assert sock.getsockopt(zmq.HEARTBEAT_IVL) == HEARTBEAT_MS
    assert sock.getsockopt(zmq.HEARTBEAT_TIMEOUT) == HEARTBEAT_TIMEOUT_MS > HEARTBEAT_MS


@pytest.mark.parametrize(
    ("address", "six"),
    [
        ("tcp://[::1]:5556", 1),
        ("tcp://[fe80::1%eth0]:5556", 1),
        ("tcp://localhost:5556", 0),  # with it on, this would mean ::1 first
        ("tcp://127.0.0.1:5556", 0),
        ("ipc:///run/undertone", 0),
    ],
)
def test_ipv6_only_for_an_address_that_is_one(sock: zmq.Socket, address: str, six: int) -> None:
    configure(sock, address)
    assert sock.getsockopt(zmq.IPV6) == six


@pytest.mark.parametrize("can", [True, False])
def test_whether_it_can_encrypt_is_the_library_s_answer(can: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zmq, "has", lambda what: can and what == "curve")
    assert has_curve() is can
