"""Subscribers that misbehave: floods, too many connections, filters that nobody publishes for."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack

import msgspec
import pytest
import zmq
from publishing import ANY, QUIET_S, WAIT_S, confidence, health, settled, take

from stream.publish.audience import HEADS, Audience
from stream.publish.connections import MOST, RATE
from stream.publish.publisher import Publisher
from stream.publish.subscriber import Subscriber
from stream.publish.wire import encode

FLOOD = """
import sys, zmq
sock = zmq.Context.instance().socket(zmq.XSUB)
sock.setsockopt(zmq.SNDHWM, 0)
sock.setsockopt(zmq.LINGER, 0)
sock.connect(sys.argv[1])
number, size = 0, int(sys.argv[2])
while number < 200_000:
    sock.send(b"\x01" + b"%d" % number + b"x" * size)
    number += 1
print("sent", flush=True)
sys.stdin.read()
"""


def rss_mb() -> float:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def port(publisher: Publisher) -> int:
    return int(publisher.endpoint.rsplit(":", 1)[1])


@pytest.mark.parametrize("size", [4, 40, 400])
def test_a_flood_of_subscriptions_neither_silences_nor_grows_nor_holds_the_publisher(
    size: int, record: Callable[..., None]
) -> None:
    with Publisher(ANY) as publisher, Subscriber(publisher.endpoint) as client:
        publisher.publish(confidence(0))
        assert client.receive(WAIT_S) is not None
        before_mb = rss_mb()
        flood = subprocess.Popen(
            [sys.executable, "-c", FLOOD, publisher.endpoint, str(size)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        with flood:
            seen, seq, deadline = 0, 0, time.monotonic() + 3.0
            while time.monotonic() < deadline:
                seq += 1
                publisher.publish(confidence(seq))
                found = client.receive(WAIT_S)
                seen += found is not None
            assert seen == seq, "every message still arrives"
            assert seq > 100
            assert rss_mb() - before_mb < 150
            assert publisher.counts().refused > 0 or size > 64, "longer ones libzmq refuses itself"
            closing = time.monotonic()
            publisher.close()
            assert time.monotonic() - closing < 4
            flood.kill()
    record(f"flood of subscriptions of {size} bytes", outcome="every message arrives, closes at once")


@pytest.mark.parametrize("prefix", [b"weather", b"confidence x", b"confidencex", b"\x00", b"x" * 300])
def test_nothing_but_the_topics_and_their_prefixes_is_accepted(prefix: bytes, plain) -> None:
    with Publisher(ANY) as publisher:
        publisher.publish(confidence(0))
        settled(publisher, 1)
        assert take(plain(publisher.endpoint, prefix), QUIET_S) is None
        assert publisher.counts().replayed == 0


def test_what_messages_begin_with_is_what_is_accepted() -> None:
    found = {encode(message).split(b'"', 1)[0] for message in (confidence(0), health())}
    assert found <= set(HEADS)


def test_a_cancelled_subscription_gets_nothing_more(plain) -> None:
    with Publisher(ANY) as publisher:
        publisher.publish(confidence(0))
        settled(publisher, 1)
        sock = plain(publisher.endpoint, b"confidence ")
        assert take(sock) is not None
        sock.unsubscribe(b"confidence ")
        sock.subscribe(b"health ")
        publisher.publish(health())
        assert take(sock)[0] == "health"
        publisher.publish(confidence(1))
        assert take(sock, QUIET_S) is None


def test_idle_connections_give_way_to_subscribers(record: Callable[..., None]) -> None:
    """None of them subscribes; those that do stay."""
    with Publisher(ANY) as publisher, Subscriber(publisher.endpoint) as first, ExitStack() as stack:
        publisher.publish(confidence(0))
        assert first.receive(WAIT_S) is not None
        for _ in range(MOST + 50):
            stack.enter_context(socket.create_connection(("127.0.0.1", port(publisher))))
        with Subscriber(publisher.endpoint) as late:
            found = late.receive(WAIT_S)
            assert found is not None
            assert found[1].replay
            publisher.publish(confidence(1))
            assert first.receive(WAIT_S)[1].seq == late.receive(WAIT_S)[1].seq == 1
        assert publisher.counts().refused >= 50
    record("idle connections", outcome="give way, subscribers are served")


@pytest.mark.parametrize("transport", ["tcp", "ipc"])
def test_a_peer_that_subscribes_too_often_is_cut_off_and_others_are_not(transport: str, tmp_path) -> None:
    endpoint = ANY if transport == "tcp" else f"ipc://{tmp_path}/u"
    with Publisher(endpoint) as publisher, Subscriber(publisher.endpoint) as client:
        publisher.publish(confidence(0))
        assert client.receive(WAIT_S) is not None
        greedy = zmq.Context.instance().socket(zmq.XSUB)
        greedy.setsockopt(zmq.RECONNECT_IVL, -1)
        greedy.connect(publisher.endpoint)
        for number in range(2 * RATE):
            greedy.send(b"\x01%d" % number)
        deadline = time.monotonic() + WAIT_S
        while publisher.counts().refused == 0:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        greedy.close(0)
        publisher.publish(confidence(1))
        assert client.receive(WAIT_S)[1].seq == 1
        assert publisher.counts().refused == 1


def test_noise_from_one_peer_does_not_misplace_the_subscriptions_of_others(plain) -> None:
    """libzmq attributes a subscription to another peer behind a message that is none."""
    context = zmq.Context.instance()
    with Publisher(ANY) as publisher, Subscriber(publisher.endpoint) as first:
        publisher.publish(confidence(0))
        assert first.receive(WAIT_S) is not None
        for number in range(1, 31):
            noisy = context.socket(zmq.XSUB)
            noisy.connect(publisher.endpoint)
            noisy.send(b"\x07noise")
            noisy.send_multipart([b"\x01", b"confidence"])
            noisy.send(b"\x00confidence ")
            late = plain(publisher.endpoint, b"confidence ")
            assert take(late) is not None, "a newcomer is cut off at most, and comes again"
            publisher.publish(confidence(number))
            assert first.receive(WAIT_S)[1].seq == number, "who is there stays subscribed"
            late.close(0)
            noisy.close(0)
        assert publisher.counts().refused > 0


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(("age_s", "state"), [(0.5, "ok"), (2.5, "stale"), (3600.0, "stale")])
def test_a_last_value_tells_its_age_and_is_never_a_stale_ok(age_s: float, state: str) -> None:
    clock = Clock()
    message = msgspec.structs.replace(confidence(3), state="ok")
    context = zmq.Context.instance()
    audience = Audience(context, name := f"inproc://audience-{age_s}", "json", clock=clock)
    sock = context.socket(zmq.SUB)
    try:
        audience.send([("confidence", encode(message))])
        sock.connect(name)
        sock.subscribe(b"")
        assert audience.socket.poll(int(1000 * WAIT_S))
        clock.now += age_s
        audience.greet()
        audience.replay()
        _, found = take(sock)
        assert (found.seq, found.replay, found.replay_age_s, found.state) == (3, True, age_s, state)
        assert (found.reason is None) == (state == "ok")
        audience.replay()
        assert audience.replayed == 1
    finally:
        sock.close(0)
        audience.close(0)


def test_several_newcomers_share_one_replay() -> None:
    clock = Clock()
    context = zmq.Context.instance()
    audience = Audience(context, "inproc://audience-of-many", "json", clock=clock)
    socks = [context.socket(zmq.SUB) for _ in range(3)]
    try:
        audience.send([("confidence", encode(confidence(3)))])
        for number, sock in enumerate(socks):
            sock.connect("inproc://audience-of-many")
            sock.subscribe(b"conf")
            assert audience.socket.poll(int(1000 * WAIT_S))
            audience.greet()
            audience.replay()
            assert audience.replayed == 1, f"after {number + 1}: the next waits a little"
        assert 1 <= audience.patience_ms() <= 50
        clock.now += 1
        audience.replay()
        assert audience.replayed == 2
        assert audience.patience_ms() is None
    finally:
        for sock in socks:
            sock.close(0)
        audience.close(0)


def test_ipc_is_for_its_owner_alone_whatever_the_umask(tmp_path) -> None:
    before = os.umask(0)
    try:
        with Publisher(f"ipc://{tmp_path}/u") as publisher, Subscriber(publisher.endpoint) as client:
            assert (tmp_path / "u").stat().st_mode & 0o777 == 0o600
            publisher.publish(confidence(5))
            assert client.receive(WAIT_S)[1].seq == 5
    finally:
        os.umask(before)
