"""Messages and helpers for the tests that publish over real sockets."""

import time

from stream.publish.messages import Health, confidence_of
from stream.publish.wire import decode

ANY = "tcp://127.0.0.1:*"
WAIT_S = 5.0  # for what must come
QUIET_S = 0.2  # for what must not


def confidence(seq, run="run-1"):
    return confidence_of(
        None,
        run=run,
        seq=seq,
        source="demo",
        bundle="test",
        mode="full",
        provider="CPU",
        unix_s=1777636800 + seq,
        now=0.0,
    )


def health(n=0):
    return Health(
        run="run-1",
        time=f"2026-05-01T12:00:{n:02d}.000Z",
        source="demo",
        state="ok",
        fps_in=25.0,
        fps_observed=25.0,
        estimates_per_s=1.0,
        dropped={},
        stalls=0,
        reconnects=0,
        stages_ms={},
        provider="CPU",
        rss_mb=100.0,
    )


def take(sock, wait_s=WAIT_S):
    return decode(sock.recv()) if sock.poll(int(1000 * wait_s)) else None


def settled(publisher, total):
    """Waits until the socket has had everything, so that what a newcomer gets can only be a replay."""
    deadline = time.monotonic() + WAIT_S
    while publisher.counts().sent < total:
        assert time.monotonic() < deadline
        time.sleep(0.001)


def joined(publisher, subscriber, seq):
    """Publishes, until the subscriber is known to be connected, and returns the seq it saw last."""
    for _ in range(200):
        publisher.publish(confidence(seq))
        found = subscriber.receive(0.05)
        if found is not None:
            return found[1].seq
        seq += 1
    raise AssertionError("the subscriber never joined")
