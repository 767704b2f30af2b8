"""The client: each message once, in order; what is no message is refused."""

import socket
import subprocess
import sys
import time

import pytest
import zmq
from publishing import ANY, QUIET_S, WAIT_S, confidence, health, joined, settled, take

from stream.errors import MessageError, PublishError, UsageError
from stream.publish.publisher import Publisher
from stream.publish.subscriber import Subscriber, listen
from stream.publish.wire import encode


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


def test_conflate_skips_to_the_newest():
    with Publisher(ANY) as publisher, Subscriber(publisher.endpoint, conflate=True) as client:
        first = joined(publisher, client, 0)
        for seq in range(first + 1, first + 501):
            publisher.publish(confidence(seq))
        deadline = time.monotonic() + WAIT_S
        while publisher.counts().sent < first + 501:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        time.sleep(QUIET_S)  # for the last one to arrive
        assert client.receive(WAIT_S)[1].seq == first + 500
        assert client.receive(QUIET_S) is None
