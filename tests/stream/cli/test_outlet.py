"""Printing into pipes that stall, close or fail: the caller never waits, and what was lost is counted."""

import errno
import os
import threading
import time
from collections.abc import Iterator
from typing import TextIO

import pytest

from stream.cli.outlet import Outlet

WAIT_S = 10.0
LONG = "x" * 4000


class Pipe:
    """Both ends of a pipe; what is read comes as text."""

    def __init__(self) -> None:
        self._read, write = os.pipe()
        self.stream: TextIO = os.fdopen(write, "w", encoding="ascii")

    def everything(self) -> str:
        self.stream.close()
        with os.fdopen(self._read, encoding="ascii") as file:
            self._read = -1
            return file.read()

    def hang_up(self) -> None:
        os.close(self._read)
        self._read = -1

    def close(self) -> None:
        self.stream.close()
        if self._read >= 0:
            os.close(self._read)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    made.close()


def until(what) -> None:
    deadline = time.monotonic() + WAIT_S
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_texts_come_in_order_and_whole(pipe: Pipe) -> None:
    outlet = Outlet(pipe.stream, places=1000)
    outlet.put("before\n")  # written at once
    outlet.start()
    for number in range(50):
        outlet.put(f"{number} ä\n")  # beyond the encoding: a question mark
    outlet.close("last\n")
    assert pipe.everything() == "before\n" + "".join(f"{n} ?\n" for n in range(50)) + "last\n"
    assert (outlet.dropped, outlet.failure) == (0, None)


def test_a_stalled_reader_delays_nobody_and_the_newest_wins(pipe: Pipe) -> None:
    outlet = Outlet(pipe.stream, places=1)
    outlet.start()
    before = time.monotonic()
    for number in range(1000):
        outlet.put(f"{number} {LONG}\n")
    outlet.close()  # nobody reads: gives up after its limit
    assert time.monotonic() - before < WAIT_S
    shown = outlet.dropped
    assert shown > 900
    lines = pipe.everything().splitlines()
    assert 0 < len(lines) <= 1000 - shown + 1, "what is printed or counted is everything"


def test_a_reader_that_comes_back_gets_the_newest(pipe: Pipe) -> None:
    outlet = Outlet(pipe.stream, places=1)
    outlet.start()
    for number in range(100):
        outlet.put(f"{number} {LONG}\n")
    found: list[str] = []

    def read() -> None:
        with os.fdopen(os.dup(pipe._read), encoding="ascii") as file:
            found.extend(file.read().splitlines())

    reader = threading.Thread(target=read)
    reader.start()
    outlet.close()
    pipe.stream.close()
    reader.join(WAIT_S)
    assert found[-1] == f"99 {LONG}"


def test_lossless_waits_until_it_is_released(pipe: Pipe) -> None:
    outlet = Outlet(pipe.stream, places=2, waits=True)
    outlet.start()
    printed: list[int] = []

    def fill() -> None:
        for number in range(100):
            outlet.put(f"{number} {LONG}\n")
            printed.append(number)

    thread = threading.Thread(target=fill, daemon=True)
    thread.start()
    until(lambda: len(printed) >= 10)
    time.sleep(0.1)
    assert thread.is_alive(), "a full pipe holds it"
    assert outlet.dropped == 0
    outlet.release()
    thread.join(WAIT_S)
    assert not thread.is_alive()
    assert outlet.dropped > 0
    outlet.close()


def test_lossless_a_slow_reader_gets_everything(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stream.cli.outlet.CLOSE_S", 0.0)
    outlet = Outlet(pipe.stream, places=64, waits=True)
    outlet.start()
    received = bytearray()

    def read_slowly() -> None:
        time.sleep(0.5)
        while chunk := os.read(pipe._read, 4096):
            received.extend(chunk)
            time.sleep(0.005)

    reader = threading.Thread(target=read_slowly)
    reader.start()
    for number in range(80):
        outlet.put(f"{number} {LONG}\n")
    outlet.close()
    pipe.stream.close()
    reader.join(WAIT_S)
    assert received.decode().splitlines() == [f"{number} {LONG}" for number in range(80)]
    assert outlet.dropped == 0


def test_a_closed_pipe_is_reported_once(pipe: Pipe) -> None:
    gone = list[bool]()
    outlet = Outlet(pipe.stream, places=8, on_closed=lambda: gone.append(True))
    outlet.start()
    pipe.hang_up()
    outlet.put("a\n")
    until(lambda: gone)
    for _ in range(3):
        outlet.put("b\n")
    outlet.close()
    assert gone == [True]
    assert isinstance(outlet.failure, BrokenPipeError)
    assert outlet.dropped == 4


@pytest.mark.parametrize("started", [False, True])
def test_a_full_disk_is_counted(started: bool) -> None:
    stream = os.fdopen(os.open("/dev/full", os.O_WRONLY), "w", encoding="utf-8")
    outlet = Outlet(stream, places=8)
    if started:
        outlet.start()
    outlet.put("a\n")
    until(lambda: outlet.failure)
    outlet.put("b\n")
    outlet.close("\n")
    assert outlet.failure is not None
    assert outlet.failure.errno == errno.ENOSPC
    assert outlet.dropped == 3
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # for what its buffer still holds
    stream.close()


def test_closing_without_a_start_writes_the_last_text(pipe: Pipe) -> None:
    outlet = Outlet(pipe.stream, places=1)
    outlet.close("\n")
    assert pipe.everything() == "\n"
