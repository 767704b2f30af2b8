"""Threads beside the fast lane: they wake, sleep, stop and fail together."""

import threading
import time

import pytest

from stream.runtime.lanes import Lanes


def test_a_lane_that_raises_stops_all_and_is_raised_at_the_end() -> None:
    lanes, ended = Lanes(), threading.Event()

    def waits() -> None:
        lanes.sleep(30)
        ended.set()

    def fails() -> None:
        raise KeyError("a bug")

    lanes.start("waits", waits)
    lanes.start("fails", fails)
    assert ended.wait(10), "the other lane was not stopped"
    lanes.join()
    with pytest.raises(KeyError, match="a bug"):
        lanes.raise_failure()


def test_lanes_that_end_well_raise_nothing() -> None:
    lanes, ran = Lanes(), []
    lanes.start("one", lambda: ran.append(threading.current_thread().name))
    lanes.start("two", lambda: ran.append(threading.current_thread().name), nice=True)
    lanes.join()
    lanes.raise_failure()
    assert sorted(ran) == ["one", "two"]
    assert lanes.stopping


def test_wake_ends_a_wait_and_so_does_its_time() -> None:
    lanes, seen = Lanes(), threading.Event()

    def waits() -> None:
        while not lanes.stopping:
            lanes.wait(30)
            seen.set()

    lanes.start("waits", waits)
    began = time.monotonic()
    while not seen.is_set():
        assert time.monotonic() - began < 10
        lanes.wake()
        time.sleep(0.01)
    lanes.wait(0.01)
    lanes.join()
    assert time.monotonic() - began < 20


def test_sleep_says_whether_it_was_stopped() -> None:
    lanes = Lanes()
    assert not lanes.sleep(0.01)
    lanes.stop()
    began = time.monotonic()
    assert lanes.sleep(30)
    assert time.monotonic() - began < 10
