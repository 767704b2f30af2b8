"""The parent's side of a decoder process: messages, wake-ups and an end that is always in bounded time."""

import os
import time
from collections.abc import Iterator

import pytest

from stream.capture import decoder_link
from stream.capture.child_messages import Message
from stream.capture.decoder_link import Link, _environment
from stream.errors import SourceError

# What stands in for the decoder gets the same three descriptors: messages, control page, wake-ups.
SETUP = "import json, os, socket, sys, time; line = socket.socket(fileno=int(sys.argv[1])); "


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Iterator:
    links = []

    def start(code: str, **request: object) -> Link:
        monkeypatch.setattr(decoder_link, "_BOOT", SETUP + code)
        links.append(Link(request))
        return links[-1]

    yield start
    for link in links:
        link.close()


def all_messages(link: Link) -> list[Message]:
    found, deadline = [], time.monotonic() + 20
    while not link.closed:
        assert time.monotonic() < deadline, "the line never closed"
        link.wait(0.5)
        found += link.messages()
    return found


def test_the_request_goes_over_and_messages_come_back_in_order(start) -> None:
    link = start(
        "name = json.loads(line.recv(9999))['name']; "
        "line.send(json.dumps({'error': name, 'code': 'codec'}).encode()); line.send(b'{\"end\": true}')",
        name="film.mp4",
    )
    first, second = all_messages(link)
    assert first.fault is not None
    assert (str(first.fault), first.fault.code) == ("film.mp4", "codec")
    assert second.ended
    assert link.how_it_ended() == "exit code 0"


@pytest.mark.parametrize(
    ("code", "how"),
    [("raise SystemExit(3)", "exit code 3"), ("os.kill(os.getpid(), 9)", "signal 9")],
)
def test_an_end_without_a_word_says_how(start, code: str, how: str) -> None:
    link = start(code)
    assert all_messages(link) == []
    assert link.how_it_ended() == how


def test_what_is_no_message_is_refused(start) -> None:
    link = start("line.recv(9999); line.send(b'hello')")
    with pytest.raises(SourceError, match="expected a message of the decoder"):
        all_messages(link)


def test_counters_and_wake_ups_reach_the_parent(start) -> None:
    link = start(
        "import numpy, mmap; words = numpy.frombuffer(mmap.mmap(int(sys.argv[2]), 4096), numpy.uint64); "
        "words[1] = 7; os.write(int(sys.argv[3]), b'w'); line.recv(9999); line.recv(9999)"
    )
    link.wait(20)
    assert link.control.get("published") == 7
    assert list(link.messages()) == []
    link.say_taken()
    assert all_messages(link) == []


def test_a_process_that_will_not_leave_is_ended_by_force(monkeypatch: pytest.MonkeyPatch) -> None:
    stubborn = SETUP + "line.send(b'{\"end\": true}'); time.sleep(99)"
    monkeypatch.setattr(decoder_link, "LEAVE_S", 0.1)
    monkeypatch.setattr(decoder_link, "_BOOT", stubborn)
    link = Link({})
    link.wait(20)
    link.close()
    with pytest.raises(ProcessLookupError):
        os.kill(link.pid, 0)


def test_telling_a_process_that_is_gone_is_no_error(start) -> None:
    link = start("pass")
    all_messages(link)
    link.say_taken()


def test_the_environment_holds_proxies_and_paths_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PATH", "/bin")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy")
    monkeypatch.setenv("PYTHONPATH", "/here")
    monkeypatch.setenv("GOOGLE_API_KEY", "S3cret")
    monkeypatch.setenv("UNDERTONE_KEY_FILE", "S3cret")
    assert _environment() == {
        "PATH": "/bin",
        "HTTPS_PROXY": "http://proxy",
        "PYTHONPATH": "/here",
        "OPENBLAS_NUM_THREADS": "1",
    }
