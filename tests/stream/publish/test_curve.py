"""Encrypted publishing: who is on the allow-list hears, and nobody else."""

import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from publishing import ANY, QUIET_S, WAIT_S, confidence, take

from stream.errors import PublishError
from stream.publish import curve, keys
from stream.publish.keys import Keys
from stream.publish.publisher import Publisher
from stream.publish.subscriber import Subscriber


def made(folder: Path) -> Keys:
    return keys.create(folder, *curve.generate())


@pytest.fixture
def server(tmp_path: Path) -> Keys:
    return made(tmp_path / "server")


@pytest.fixture
def client(tmp_path: Path) -> Keys:
    return made(tmp_path / "client")


def test_an_allowed_key_hears(server: Keys, client: Keys) -> None:
    keys.allow(server.folder, "studio", client.public)
    with (
        Publisher(ANY, keys=server) as publisher,
        Subscriber(publisher.endpoint, keys=client, server=server.public) as subscriber,
    ):
        publisher.publish(confidence(1))
        assert subscriber.receive(WAIT_S)[1].seq == 1
        publisher.publish(confidence(2))
        assert subscriber.receive(WAIT_S)[1].seq == 2


def test_other_keys_no_keys_and_a_wrong_server_hear_nothing(
    server: Keys, client: Keys, tmp_path: Path, plain, record: Callable[..., None]
) -> None:
    keys.allow(server.folder, "studio", client.public)
    stranger = made(tmp_path / "stranger")
    with (
        Publisher(ANY, keys=server) as publisher,
        Subscriber(publisher.endpoint, keys=stranger, server=server.public) as unknown,
        Subscriber(publisher.endpoint, keys=client, server=stranger.public) as misled,
        Subscriber(publisher.endpoint, keys=client, server=server.public) as allowed,
    ):
        bare = plain(publisher.endpoint)
        publisher.publish(confidence(1))
        assert allowed.receive(WAIT_S)[1].seq == 1
        assert unknown.receive(QUIET_S) is None
        assert misled.receive(QUIET_S) is None
        assert take(bare, QUIET_S) is None
    record("subscriber with another key, or none", outcome="hears nothing, the others do")


def test_the_allow_list_counts_when_somebody_connects(server: Keys, client: Keys, tmp_path: Path) -> None:
    keys.allow(server.folder, "somebody", made(tmp_path / "else").public)
    with Publisher(ANY, keys=server) as publisher:
        publisher.publish(confidence(1))
        with Subscriber(publisher.endpoint, keys=client, server=server.public) as early:
            assert early.receive(QUIET_S) is None
        keys.allow(server.folder, "studio", client.public)
        with Subscriber(publisher.endpoint, keys=client, server=server.public) as late:
            assert late.receive(WAIT_S)[1].seq == 1


def test_the_wire_speaks_curve(server: Keys, client: Keys) -> None:
    """The mechanism stands in bytes 12 to 32 of a ZMTP greeting (RFC 37)."""
    keys.allow(server.folder, "studio", client.public)
    for given, mechanism in ((server, b"CURVE"), (None, b"NULL")):
        with Publisher(ANY, keys=given) as publisher:
            port = int(publisher.endpoint.rsplit(":", 1)[1])
            with socket.create_connection(("127.0.0.1", port), timeout=WAIT_S) as raw:
                raw.sendall(b"\xff" + bytes(8) + b"\x7f\x03")
                greeting = b""
                while len(greeting) < 32:
                    greeting += raw.recv(64)
        assert greeting[12:32].rstrip(b"\0") == mechanism


def test_addresses_of_other_machines_need_keys_or_insecure(server: Keys, client: Keys) -> None:
    with pytest.raises(PublishError, match="encrypt it with `undertone keys new`, or accept the risk"):
        Publisher("tcp://*:0")
    keys.allow(server.folder, "studio", client.public)
    with Publisher("tcp://*:0", keys=server) as publisher:
        assert publisher.encrypted


def test_an_empty_allow_list_is_refused(server: Keys) -> None:
    with pytest.raises(PublishError, match="found none; run `undertone keys allow"):
        Publisher(ANY, keys=server)


def test_closing_leaves_no_thread_and_no_file_open(server: Keys, client: Keys) -> None:
    keys.allow(server.folder, "studio", client.public)
    Publisher(ANY, keys=server).close()
    before = (threading.active_count(), len(os.listdir("/proc/self/fd")))
    for _ in range(3):
        Publisher(ANY, keys=server).close()
    assert (threading.active_count(), len(os.listdir("/proc/self/fd"))) == before
