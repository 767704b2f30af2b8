"""Who gives way: the oldest that never subscribed, whoever floods, and never a file of somebody else."""

import socket
import time
from collections.abc import Iterator

import pytest
import zmq
from publishing import WAIT_S

from stream.publish.connections import RATE, SPAN_S, Connections


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def bound(clock: Clock) -> Iterator[tuple[Connections, int]]:
    """Connections of a socket that takes two, and its port."""
    with zmq.Context() as context, context.socket(zmq.XPUB) as sock:
        connections = Connections(sock, most=2, clock=clock)
        yield connections, sock.bind_to_random_port("tcp://127.0.0.1")
        connections.close()


def looked(connections: Connections, count: int) -> list[int]:
    """The descriptors, oldest first, once ``count`` are known."""
    deadline = time.monotonic() + WAIT_S
    while len(connections._peers) < count:
        assert time.monotonic() < deadline
        connections.look()
    return list(connections._peers)


def refused(connections: Connections, count: int) -> None:
    deadline = time.monotonic() + WAIT_S
    while connections.refused < count:
        assert time.monotonic() < deadline
        connections.look()


def closed(peer: socket.socket) -> bool:
    """Whether the other side hung up."""
    peer.settimeout(WAIT_S)
    while chunk := peer.recv(64):  # a greeting comes first
        assert chunk
    return True


def test_the_oldest_that_never_subscribed_gives_way(bound: tuple[Connections, int]) -> None:
    connections, port = bound
    peers = [socket.create_connection(("127.0.0.1", port))]
    [first] = looked(connections, 1)
    assert connections.may_subscribe(first)
    peers.append(socket.create_connection(("127.0.0.1", port)))
    looked(connections, 2)
    peers.append(socket.create_connection(("127.0.0.1", port)))
    refused(connections, 1)
    assert closed(peers[1]), "the first has subscribed, the second has not"
    for peer in peers:
        peer.close()


def test_where_all_have_subscribed_the_newest_gives_way(bound: tuple[Connections, int]) -> None:
    connections, port = bound
    peers = []
    for count in (1, 2):
        peers.append(socket.create_connection(("127.0.0.1", port)))
        assert connections.may_subscribe(looked(connections, count)[-1])
    peers.append(socket.create_connection(("127.0.0.1", port)))
    refused(connections, 1)
    assert closed(peers[2])
    for peer in peers:
        peer.close()


def test_subscriptions_are_counted_for_a_while_only(bound: tuple[Connections, int], clock: Clock) -> None:
    connections, port = bound
    with socket.create_connection(("127.0.0.1", port)) as peer:
        [descriptor] = looked(connections, 1)
        for _ in range(5):
            assert all(connections.may_subscribe(descriptor) for _ in range(RATE))
            clock.now += SPAN_S + 1
        assert connections.refused == 0
        assert not all(connections.may_subscribe(descriptor) for _ in range(RATE + 1))
        assert connections.refused == 1
        assert not connections.may_subscribe(descriptor), "until libzmq has dropped it"
        assert closed(peer)


def test_within_the_process_nothing_is_counted(bound: tuple[Connections, int]) -> None:
    connections, _ = bound
    assert all(connections.may_subscribe(-1) for _ in range(2 * RATE))


def test_a_descriptor_that_is_somebody_elses_is_left_alone() -> None:
    """Between an event and the look at it a number may have been given to another file."""
    with zmq.Context() as context, context.socket(zmq.XPUB) as sock:
        connections = Connections(sock, most=1)
        sock.bind("tcp://127.0.0.1:*")
        ours, theirs = socket.socketpair()
        with ours, theirs:
            connections._peers[ours.fileno()] = type("Peer", (), {"gone": False})()
            connections._refuse(ours.fileno())
            theirs.sendall(b"still open")
            assert ours.recv(32) == b"still open"
        connections.close()
