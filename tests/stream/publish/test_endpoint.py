"""Which endpoints may be bound: every spelling of this machine, and one sentence for each other."""

import os
import socket
import threading

import pytest
from publishing import ANY, WAIT_S, confidence

from stream.errors import PublishError
from stream.publish.publisher import Publisher
from stream.publish.subscriber import listen


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
    with pytest.raises(PublishError, match="another kind of file"):
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
