"""The socket of a subscriber: its topics alone, whole frames, in time, and only what may be a message."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import zmq
from publishing import QUIET_S, WAIT_S

from stream.errors import MessageError, PublishError
from stream.publish.inbox import LARGEST_MESSAGE, Inbox


@contextmanager
def publishing(*topics: str) -> Iterator[tuple[zmq.Socket, Inbox]]:
    """A bare publisher and an inbox that has subscribed to it."""
    with zmq.Context() as context, context.socket(zmq.XPUB) as sock:
        sock.linger = 0
        port = sock.bind_to_random_port("tcp://127.0.0.1")
        with Inbox(f"tcp://127.0.0.1:{port}", topics) as inbox:
            for _ in topics:
                assert sock.poll(int(1000 * WAIT_S))
                sock.recv()
            yield sock, inbox


def test_topics_are_whole_words() -> None:
    with publishing("health") as (sock, inbox):
        for message in (b"confidence {}", b"healthy {}", b"health {}"):
            sock.send(message)
        assert inbox.receive(WAIT_S) == b"health {}"
        assert inbox.receive(QUIET_S) is None


def test_several_topics_on_one_socket() -> None:
    with publishing("health", "event") as (sock, inbox):
        sock.send(b"event 1")
        sock.send(b"health 2")
        assert [inbox.receive(WAIT_S), inbox.receive(WAIT_S)] == [b"event 1", b"health 2"]


def test_a_message_of_several_frames_is_refused_and_the_next_one_comes() -> None:
    with publishing("event") as (sock, inbox):
        sock.send_multipart([b"event 1", b"more", b"still"])
        sock.send(b"event 2")
        with pytest.raises(MessageError, match="expected one frame per message, found 3"):
            inbox.receive(WAIT_S)
        assert inbox.receive(WAIT_S) == b"event 2"


def test_a_message_beyond_the_limit_is_never_taken_in() -> None:
    with publishing("event") as (sock, inbox):
        sock.send(b"event " + bytes(LARGEST_MESSAGE))
        assert inbox.receive(QUIET_S) is None


@pytest.mark.parametrize("timeout_s", [0.0, -1.0, 0.0004])
def test_no_time_left_is_one_look(timeout_s: float) -> None:
    with publishing("event") as (_, inbox):
        began = time.monotonic()
        assert inbox.receive(timeout_s) is None
        assert time.monotonic() - began < 2.0


@pytest.mark.parametrize(
    "endpoint",
    ["", "5556", "tcp://", "tcp://127.0.0.1", "tcp://127.0.0.1:x", "udp://127.0.0.1:1", "ws://h:1"],
)
def test_a_malformed_endpoint_is_one_sentence(endpoint: str) -> None:
    with pytest.raises(
        PublishError, match=r"expected an endpoint such as tcp://127\.0\.0\.1:5556"
    ) as refused:
        Inbox(endpoint, ("event",))
    assert repr(endpoint) in str(refused.value)
    assert str(refused.value).endswith(".")


def test_nobody_has_to_be_there_yet() -> None:
    with Inbox("ipc:///nowhere/that/exists", ("event",)) as inbox:
        assert inbox.receive(0.0) is None
