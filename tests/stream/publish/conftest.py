"""Bare SUB sockets for the tests of the publisher."""

import pytest
import zmq


@pytest.fixture
def plain():
    """Makes bare SUB sockets, which see everything a Subscriber would hide."""
    sockets = []

    def connect(endpoint, prefix=b"", **options):
        sock = zmq.Context.instance().socket(zmq.SUB)
        sockets.append(sock)
        for name, value in options.items():
            setattr(sock, name, value)
        sock.subscribe(prefix)
        sock.connect(endpoint)
        return sock

    yield connect
    for sock in sockets:
        sock.close(0)
