"""Timings, rates and memory with a clock that the test moves."""

import os
import subprocess
import sys
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.publish.messages import Health, StageTimes
from stream.publish.wire import decode, encode
from stream.runtime.telemetry import RECENT, SPAN_S, Meter, Telemetry, rss_mb


class Clock:
    def __init__(self, now=1000.0):
        self.now = now

    def __call__(self):
        return self.now


def test_percentiles_are_measured_values():
    telemetry = Telemetry()
    for ms in range(1, 101):
        telemetry.stage("decode", ms)
    telemetry.stages({"pose": 2.5})
    assert telemetry.percentiles() == {
        "decode": StageTimes(p50=50.0, p99=99.0),
        "pose": StageTimes(p50=2.5, p99=2.5),
    }


def test_only_recent_timings_count():
    telemetry = Telemetry()
    for _ in range(RECENT):
        telemetry.stage("decode", 1000.0)
    for _ in range(RECENT):
        telemetry.stage("decode", 1.0)
    assert telemetry.percentiles()["decode"] == StageTimes(p50=1.0, p99=1.0)


@pytest.mark.parametrize("fps", [1, 5, 24, 29.97, 60, 300])
def test_a_steady_feed_is_measured(fps):
    clock = Clock()
    telemetry = Telemetry(clock)
    for _ in range(int(20 * fps)):
        telemetry.mark("fps_in")
        clock.now += 1 / fps
    assert telemetry.snapshot()["fps_in"] == pytest.approx(fps, rel=0.05, abs=0.06)
    assert telemetry.snapshot()["fps_observed"] == 0.0


def test_a_short_feed_is_measured_from_its_first_frame():
    clock = Clock()
    telemetry = Telemetry(clock)
    clock.now += 60  # loading models is no slow feed
    for _ in range(25):
        telemetry.mark("fps_in")
        clock.now += 0.04
    assert telemetry.snapshot()["fps_in"] == pytest.approx(25, rel=0.05)


def test_a_first_frame_makes_no_spike():
    telemetry = Telemetry(Clock())
    telemetry.mark("fps_in")
    assert telemetry.snapshot()["fps_in"] == 0.0
    telemetry.mark("fps_in")
    assert telemetry.snapshot()["fps_in"] <= 4.0


def test_a_feed_that_stops_falls_to_zero():
    clock = Clock()
    telemetry = Telemetry(clock)
    for _ in range(250):
        telemetry.mark("fps_in")
        clock.now += 0.04
    clock.now += SPAN_S / 2
    assert telemetry.snapshot()["fps_in"] == pytest.approx(12.5, rel=0.1)
    clock.now += SPAN_S / 2 + 0.3
    assert telemetry.snapshot()["fps_in"] == 0.0


@given(st.lists(st.floats(0, 3), min_size=1, max_size=60), st.floats(0, 3))
def test_a_rate_equals_the_plain_count_over_its_span(gaps, after):
    meter, times, now = Meter(), [], 500.0
    for gap in gaps:
        now += gap
        meter.mark(now)
        times.append(now)
    now += after
    low = (SPAN_S - 0.25 - 1e-6, SPAN_S + 1e-6)  # a bucket at the edge is in or out as a whole
    most, least = (sum(t >= now - span for t in times) for span in (low[1], low[0]))
    elapsed = max(min(SPAN_S, now - times[0]), 0.25)
    assert (least - 1) / elapsed - 1e-6 <= meter.rate(now) <= most / max(min(low[0], elapsed), 0.25) + 1e-6


def test_marks_in_bulk_equal_single_ones():
    clock = Clock()
    one, many = Telemetry(clock), Telemetry(clock)
    for _ in range(20):
        for _ in range(10):
            one.mark("estimates_per_s")
        many.mark("estimates_per_s", 10)
        clock.now += 0.4
    assert one.snapshot()["estimates_per_s"] == many.snapshot()["estimates_per_s"] > 0


def test_counts_are_sorted_into_the_health_fields():
    telemetry = Telemetry()
    telemetry.count("dropped.newest_wins")
    telemetry.count("dropped.newest_wins", 2)
    telemetry.total("dropped.corrupt", 7)
    telemetry.total("dropped.corrupt", 9)
    telemetry.count("stalls")
    telemetry.count("late", 4)
    telemetry.count("something_else")
    figures = telemetry.snapshot()
    assert figures["dropped"] == {"newest_wins": 3, "corrupt": 9}
    assert (figures["stalls"], figures["reconnects"], figures["late"]) == (1, 0, 4)
    assert telemetry.counts()["something_else"] == 1


def test_a_snapshot_fills_a_health_message():
    telemetry = Telemetry()
    telemetry.stage("decode", 1.25)
    telemetry.mark("fps_in")
    health = Health(
        run="r",
        time="2026-05-01T12:00:03.412Z",
        source="demo",
        state="ok",
        provider="CPU",
        hop=25,
        mode="full",
        **telemetry.snapshot(),
    )
    assert decode(encode(health)) == ("health", health)


def test_memory_is_that_of_parent_and_child():
    code = "print('up', flush=True); import sys; sys.stdin.read()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code], **pipes) as child:
        child.stdout.readline()
        alone, both = Telemetry().rss_mb(), Telemetry(child_pid=child.pid).rss_mb()
        assert both > alone + 1
        child.stdin.close()
    assert rss_mb([child.pid]) == 0.0, "a child that is gone counts nothing"
    with open("/proc/self/status") as status:
        kib = next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
    assert rss_mb([os.getpid()]) == pytest.approx(kib * 1024 / 1e6, rel=0.1)


def test_many_threads_lose_no_count():
    telemetry = Telemetry()

    def work():
        for n in range(2000):
            telemetry.count("late")
            telemetry.stage(f"stage-{n % 5}", 1.0)
            telemetry.mark("fps_in")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        telemetry.snapshot()
    assert telemetry.snapshot()["late"] == 8000
    assert len(telemetry.percentiles()) == 5


def test_a_timing_costs_microseconds():
    telemetry = Telemetry()
    best = min(_seconds_of(lambda: telemetry.stage("decode", 1.0), 2000) for _ in range(5))
    assert best / 2000 < 5e-6


def _seconds_of(call, times):
    began = time.perf_counter()
    for _ in range(times):
        call()
    return time.perf_counter() - began
