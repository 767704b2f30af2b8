"""Real sockets on loopback: replay, order, refusals, and subscribers that misbehave."""

import json
import os
import socket
import subprocess
import sys
import threading
import time

import msgspec
import pytest
import zmq

from stream.errors import MessageError, PublishError, UsageError
from stream.publish.messages import Event, Health, confidence_of
from stream.publish.publisher import QUEUE, Publisher
from stream.publish.subscriber import Subscriber, listen
from stream.publish.wire import decode, encode

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


@pytest.mark.parametrize("wire", ["json", "msgpack"])
def test_a_late_subscriber_gets_the_last_value_of_its_topic(wire, plain):
    with Publisher(ANY, wire=wire) as publisher:
        for seq in range(5):
            publisher.publish(confidence(seq))
        publisher.publish(health())
        settled(publisher, 6)
        late = plain(publisher.endpoint, b"confidence ")
        assert take(late) == ("confidence", msgspec.structs.replace(confidence(4), replay=True))
        assert take(late, QUIET_S) is None, "one replay, and of no other topic"
        publisher.publish(confidence(5))
        assert take(late) == ("confidence", confidence(5))


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


def test_an_old_subscriber_sees_the_replay_and_the_client_drops_it(plain):
    with Publisher(ANY) as publisher, Subscriber(publisher.endpoint) as client:
        seq = joined(publisher, client, 0)
        old = plain(publisher.endpoint, b"confidence ")
        assert take(old)[1].seq == seq
        late = plain(publisher.endpoint, b"confidence ")
        assert take(late)[1].replay
        _, again = take(old)
        assert (again.seq, again.replay) == (seq, True), "XPUB_VERBOSE reaches old subscribers too"
        assert client.receive(QUIET_S) is None
        assert client.dropped >= 2
        publisher.publish(confidence(seq + 1))
        assert client.receive(WAIT_S) == ("confidence", confidence(seq + 1))


def test_the_client_follows_two_topics_and_drops_repeated_health(plain):
    with Publisher(ANY) as publisher, Subscriber(publisher.endpoint, ("confidence", "health")) as client:
        seq = joined(publisher, client, 0)
        publisher.publish(health(1))
        assert client.receive(WAIT_S) == ("health", health(1))
        assert take(plain(publisher.endpoint, b"health"))[1].replay
        publisher.publish(confidence(seq + 1))
        publisher.publish(health(2))
        assert client.receive(WAIT_S) == ("confidence", confidence(seq + 1))
        assert client.receive(WAIT_S) == ("health", health(2))


def test_a_late_client_takes_the_replay_as_its_first_message():
    with Publisher(ANY) as publisher:
        publisher.publish(confidence(7))
        settled(publisher, 1)
        [message] = listen(publisher.endpoint, count=1, timeout_s=WAIT_S)
        assert (message.seq, message.replay) == (7, True)


def test_the_client_starts_afresh_with_a_new_run():
    with Publisher(ANY) as publisher, Subscriber(publisher.endpoint) as client:
        seq = joined(publisher, client, 100)
        publisher.publish(confidence(seq))
        publisher.publish(confidence(0, run="run-2"))
        publisher.publish(confidence(1, run="run-2"))
        found = [client.receive(WAIT_S)[1] for _ in range(2)]
        assert [(message.run, message.seq) for message in found] == [("run-2", 0), ("run-2", 1)]


def test_the_client_survives_a_restart_of_the_publisher():
    with Publisher(ANY) as publisher:
        endpoint = publisher.endpoint
        client = Subscriber(endpoint)
        joined(publisher, client, 50)
    with client, Publisher(endpoint) as publisher:
        publisher.publish(confidence(0, run="run-2"))
        assert client.receive(WAIT_S)[1].run == "run-2"


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


def test_a_stalled_subscriber_delays_nobody(plain):
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


def test_a_port_in_use_is_one_sentence():
    with Publisher(ANY) as publisher, pytest.raises(PublishError) as caught:
        Publisher(publisher.endpoint)
    assert str(caught.value) == (
        f"expected to publish on {publisher.endpoint}, found it in use; "
        "stop the other publisher or choose another with --publish"
    )


def test_a_port_of_another_program_is_in_use_too():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PublishError, match="in use"):
            Publisher(f"tcp://127.0.0.1:{port}")


OPEN = [
    "tcp://*:5556",
    "tcp://0.0.0.0:5556",
    "tcp://[::]:5556",
    "tcp://192.0.2.7:5556",
    "tcp://cam.example:0",
]


@pytest.mark.parametrize("endpoint", [*OPEN, "tcp://eth0:5556", "tcp://10.0.0.1;127.0.0.1:5556"])
def test_addresses_of_other_machines_need_insecure(endpoint):
    with pytest.raises(PublishError, match="--insecure"):
        Publisher(endpoint)


def test_insecure_opens_every_address():
    with Publisher("tcp://*:0", insecure=True) as publisher:
        port = publisher.endpoint.rsplit(":", 1)[1]
        publisher.publish(confidence(0))
        [message] = listen(f"tcp://127.0.0.1:{port}", count=1, timeout_s=WAIT_S)
        assert message.seq == 0


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        "5556",
        "127.0.0.1:5556",
        "tcp://",
        "tcp://127.0.0.1",
        "tcp://127.0.0.1:",
        "tcp://127.0.0.1:65536",
        "tcp://127.0.0.1:http",
        "tcp://127.0.0.1:5556/confidence",
        "udp://127.0.0.1:5556",
        "ipc://",
        "inproc://",
    ],
)
@pytest.mark.parametrize("insecure", [False, True])
def test_a_malformed_endpoint_is_one_sentence(endpoint, insecure):
    with pytest.raises(PublishError, match="expected an endpoint such as") as caught:
        Publisher(endpoint, insecure=insecure)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("endpoint", ["tcp://203.0.113.9:0", "tcp://no-such-interface:0"])
def test_an_address_that_is_not_ours_is_one_sentence(endpoint):
    with pytest.raises(PublishError, match=r"expected to publish on .*, found"):
        Publisher(endpoint, insecure=True)


def _has_ipv6():
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize(
    "endpoint",
    [
        "tcp://127.0.0.1:0",
        "tcp://127.8.9.1:*",
        "tcp://localhost:*",
        pytest.param(
            "tcp://[::1]:*", marks=pytest.mark.skipif(not _has_ipv6(), reason="no IPv6 loopback here")
        ),
        "inproc://undertone-test",
        "ipc://@undertone-test",
    ],
)
def test_loopback_in_every_spelling_carries_messages(endpoint):
    with Publisher(endpoint) as publisher:
        assert not publisher.endpoint.endswith((":0", ":*"))
        publisher.publish(confidence(2))
        [message] = listen(publisher.endpoint, count=1, timeout_s=WAIT_S)
        assert message.seq == 2


def test_ipc_leaves_no_file_and_takes_over_a_dead_one(tmp_path):
    path = tmp_path / "u.sock"
    with socket.socket(socket.AF_UNIX) as gone:
        gone.bind(str(path))
    assert path.exists()
    with Publisher(f"ipc://{path}") as publisher:
        publisher.publish(confidence(2))
        [message] = listen(publisher.endpoint, count=1, timeout_s=WAIT_S)
        assert message.seq == 2
    assert not path.exists()


def test_ipc_neither_steals_an_endpoint_nor_deletes_a_file(tmp_path):
    path = tmp_path / "u.sock"
    with Publisher(f"ipc://{path}"), pytest.raises(PublishError, match="in use"):
        Publisher(f"ipc://{path}")
    path.write_text("precious")
    with pytest.raises(PublishError, match="no socket"):
        Publisher(f"ipc://{path}")
    assert path.read_text() == "precious"


@pytest.mark.parametrize("path", ["missing/u.sock", "x" * 120])
def test_an_impossible_ipc_path_is_one_sentence(path, tmp_path):
    with pytest.raises(PublishError, match=r"expected to publish on ipc://.*, found an error"):
        Publisher(f"ipc://{tmp_path}/{path}")


def test_a_failed_start_leaves_nothing_behind():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        endpoint = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        before = (threading.active_count(), len(os.listdir("/proc/self/fd")))
        for _ in range(3):
            with pytest.raises(PublishError):
                Publisher(endpoint)
        assert (threading.active_count(), len(os.listdir("/proc/self/fd"))) == before


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


def test_garbage_from_the_network_does_not_stop_the_publisher(plain):
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


@pytest.mark.parametrize("endpoint", ["", "5556", "tcp://", "tcp://127.0.0.1", "udp://127.0.0.1:5556"])
def test_the_client_refuses_a_malformed_endpoint(endpoint):
    with pytest.raises(PublishError, match="expected an endpoint such as"):
        Subscriber(endpoint)


@pytest.mark.parametrize("topics", [(), ("weather",), ("confidence", "weather")])
def test_the_client_refuses_an_unknown_topic(topics):
    with pytest.raises(UsageError, match="expected topics of confidence, health, event"):
        Subscriber("tcp://127.0.0.1:5556", topics)


def test_a_topic_that_is_nearly_one_gets_advice():
    with pytest.raises(UsageError, match=r"found confidance; did you mean confidence\?"):
        Subscriber("tcp://127.0.0.1:5556", ("confidance",))


def test_listening_where_nobody_publishes_ends_in_time():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        began = time.monotonic()
        with pytest.raises(PublishError, match=r"within 0\.2 s, found none"):
            list(listen(endpoint, count=1, timeout_s=0.2))
        assert time.monotonic() - began < 3


def test_the_client_refuses_what_is_no_message_and_goes_on():
    with zmq.Context() as context, context.socket(zmq.XPUB) as other:
        other.linger = 0
        port = other.bind_to_random_port("tcp://127.0.0.1")
        with Subscriber(f"tcp://127.0.0.1:{port}") as client:
            other.recv()
            other.send(b"confidence hello")
            other.send_multipart([b"confidence {}", b"{}"])
            other.send(encode(confidence(3)))
            with pytest.raises(MessageError, match="malformed"):
                client.receive(WAIT_S)
            with pytest.raises(MessageError, match="one frame per message, found 2"):
                client.receive(WAIT_S)
            assert client.receive(WAIT_S)[1].seq == 3


def test_a_subscriber_in_another_process():
    code = (
        "import sys\n"
        "from stream.publish.subscriber import listen\n"
        "for message in listen(sys.argv[1], count=3, timeout_s=20):\n"
        "    print(message.seq, flush=True)\n"
    )
    with Publisher(ANY) as publisher:
        publisher.publish(confidence(0))
        child = subprocess.Popen(
            [sys.executable, "-c", code, publisher.endpoint], stdout=subprocess.PIPE, text=True
        )
        with child:
            assert child.stdout.readline() == "0\n"  # the replay
            publisher.publish(confidence(1))
            publisher.publish(confidence(2))
            assert child.stdout.read() == "1\n2\n"
        assert child.returncode == 0
