"""Real sockets on loopback: replay, order, queues and endings."""

import json
import socket
import subprocess
import sys
import threading
import time

import msgspec
import pytest
import zmq
from publishing import ANY, QUIET_S, WAIT_S, confidence, health, joined, settled, take

from stream.errors import MessageError, PublishError
from stream.publish.messages import Event
from stream.publish.outbox import QUEUE
from stream.publish.publisher import Publisher
from stream.publish.subscriber import Subscriber


@pytest.mark.parametrize("wire", ["json", "msgpack"])
def test_a_late_subscriber_gets_the_last_value_of_its_topic(wire, plain, record):
    with Publisher(ANY, wire=wire) as publisher:
        for seq in range(5):
            publisher.publish(confidence(seq))
        publisher.publish(health())
        settled(publisher, 6)
        late = plain(publisher.endpoint, b"confidence ")
        topic, message = take(late)
        assert 0 <= message.replay_age_s < WAIT_S
        assert (topic, message) == (
            "confidence",
            msgspec.structs.replace(confidence(4), replay=True, replay_age_s=message.replay_age_s),
        )
        assert take(late, QUIET_S) is None, "one replay, and of no other topic"
        publisher.publish(confidence(5))
        assert take(late) == ("confidence", confidence(5))
    record(f"late subscriber, {wire}", outcome="gets the last value with its age")


@pytest.mark.parametrize("prefix", [b"", b"con", b"confidence", b"confidence {"])
def test_a_replay_matches_the_prefix_as_the_socket_does(prefix, plain):
    with Publisher(ANY) as publisher:
        publisher.publish(confidence(3))
        settled(publisher, 1)
        topic, message = take(plain(publisher.endpoint, prefix))
        assert (topic, message.seq, message.replay) == ("confidence", 3, True)


def test_each_topic_is_replayed_to_who_asks_for_all(plain):
    with Publisher(ANY) as publisher:
        publisher.publish(confidence(1))
        publisher.publish(health())
        publisher.publish(health(1))
        settled(publisher, 3)
        everything = plain(publisher.endpoint)
        found = dict(take(everything) for _ in range(2))
        assert found["confidence"].seq == 1
        assert found["health"].time == health(1).time
        assert all(message.replay for message in found.values())


def test_nothing_published_nothing_replayed(plain):
    with Publisher(ANY) as publisher:
        assert take(plain(publisher.endpoint), QUIET_S) is None
        assert publisher.counts().replayed == 0


def test_one_frame_a_message_topic_space_payload(plain):
    with Publisher(ANY) as publisher:
        publisher.publish(confidence(9))
        frames = plain(publisher.endpoint).recv_multipart()
        assert len(frames) == 1
        head, payload = frames[0].split(b" ", 1)
        assert head == b"confidence"
        assert json.loads(payload)["seq"] == 9


def test_every_event_in_one_millisecond_arrives():
    with Publisher(ANY) as publisher, Subscriber(publisher.endpoint, ("confidence", "event")) as client:
        joined(publisher, client, 0)
        sent = [
            Event(run="run-1", time="2026-05-01T12:00:00.000Z", pts=1.0, event=name, detail={})
            for name in ("cut", "subject")
        ]
        for event in sent:
            publisher.publish(event)
        assert [client.receive(WAIT_S)[1] for _ in sent] == sent


def test_messages_arrive_in_order_and_complete():
    total = 500
    with Publisher(ANY) as publisher, Subscriber(publisher.endpoint) as client:
        first = joined(publisher, client, 0)
        for seq in range(first + 1, first + 1 + total):
            publisher.publish(confidence(seq))
        found = [client.receive(WAIT_S)[1].seq for _ in range(total)]
        assert found == list(range(first + 1, first + 1 + total))


def test_a_stalled_subscriber_delays_nobody(plain, record):
    total = 50_000
    with Publisher(ANY) as publisher:
        publisher.publish(confidence(0))
        stalled = plain(publisher.endpoint, rcvhwm=1)
        assert stalled.poll(int(1000 * WAIT_S))  # connected; never read from here on
        slowest = 0.0
        began = time.perf_counter()
        for seq in range(1, total):
            before = time.perf_counter()
            publisher.publish(confidence(seq))
            slowest = max(slowest, time.perf_counter() - before)
        assert time.perf_counter() - began < 30
        assert slowest < 1.0
        with Subscriber(publisher.endpoint) as client:
            assert client.receive(WAIT_S) is not None, "others are still served"
        closing = time.perf_counter()
    assert time.perf_counter() - closing < 2
    counts = publisher.counts()
    assert counts.sent + counts.dropped == total, "what was displaced is counted"
    record("slow subscriber: reads nothing", outcome="delays nobody, its losses are counted")


def test_the_newest_wins_when_the_queue_is_full(monkeypatch, plain):
    gate = threading.Event()
    serve = Publisher._serve

    def late(self, sock):
        assert gate.wait(WAIT_S)
        serve(self, sock)

    monkeypatch.setattr(Publisher, "_serve", late)
    with Publisher(ANY) as publisher:
        for seq in range(QUEUE + 10):
            publisher.publish(confidence(seq))
        assert publisher.counts().dropped == 10
        gate.set()
        settled(publisher, QUEUE)
        assert take(plain(publisher.endpoint))[1].seq == QUEUE + 9


def test_many_threads_may_publish():
    with Publisher(ANY) as publisher:
        threads = [
            threading.Thread(target=lambda: [publisher.publish(health()) for _ in range(200)])
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    counts = publisher.counts()
    assert counts.sent + counts.dropped == 800


def test_the_last_words_arrive_after_close():
    with Publisher(ANY) as publisher, Subscriber(publisher.endpoint) as client:
        seq = joined(publisher, client, 0)
        for more in range(1, 101):
            publisher.publish(confidence(seq + more))
        publisher.close()
        assert [client.receive(WAIT_S)[1].seq for _ in range(100)] == list(range(seq + 1, seq + 101))


def test_a_closed_publisher_says_so_and_closes_twice():
    publisher = Publisher(ANY)
    publisher.close()
    publisher.close()
    with pytest.raises(PublishError, match="closed"):
        publisher.publish(confidence(0))
    with Publisher(publisher.endpoint) as again:  # the port is free at once
        assert again.endpoint == publisher.endpoint


def test_a_broken_message_is_refused_where_it_is_published():
    with Publisher(ANY) as publisher:
        with pytest.raises(MessageError, match="finite"):
            publisher.publish(msgspec.structs.replace(confidence(0), pts=float("nan")))
        publisher.publish(confidence(1))
    assert publisher.counts().sent == 1


def test_a_process_that_forgets_to_close_still_ends():
    code = (
        "import sys; from stream.publish.publisher import Publisher; "
        "p = Publisher(sys.argv[1]); print(p.endpoint)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, ANY], capture_output=True, text=True, timeout=20, check=True
    )
    assert done.stdout.startswith("tcp://127.0.0.1:")
    assert done.stderr == ""


def test_garbage_from_the_network_does_not_stop_the_publisher(plain, record):
    with Publisher(ANY) as publisher:
        port = int(publisher.endpoint.rsplit(":", 1)[1])
        with socket.create_connection(("127.0.0.1", port)) as stranger:
            stranger.sendall(b"GET / HTTP/1.1\r\n\r\n" * 100)
        xsub = zmq.Context.instance().socket(zmq.XSUB)
        xsub.connect(publisher.endpoint)
        xsub.send(b"\x07noise")
        xsub.send_multipart([b"\x01", b"confidence"])
        xsub.close(100)
        publisher.publish(confidence(1))
        assert take(plain(publisher.endpoint))[1].seq == 1
    record("subscriber that sends garbage", outcome="cut off, others are served")


def test_closing_does_not_wait_for_ever(monkeypatch):
    release = threading.Event()
    monkeypatch.setattr(Publisher, "_serve", lambda self, audience: release.wait(WAIT_S))
    monkeypatch.setattr("stream.publish.publisher.CLOSE_S", 0.1)
    publisher = Publisher(ANY)
    before = time.monotonic()
    publisher.close()
    assert time.monotonic() - before < WAIT_S / 2
    release.set()
    publisher._thread.join(WAIT_S)
    publisher._outbox.release()
