"""Live MPEG-TS over HTTP, and everything that can happen to it."""

import random
import signal
import time
from collections.abc import Callable

import pytest
from faults import feed
from faults.conftest import settled
from faults.http_server import FeedServer
from faults.watching import Watch

pytestmark = pytest.mark.slow

Watching = Callable[..., Watch]
Record = Callable[..., None]
RECOVER_S = 5.0  # frame age is normal again so soon after a fault's end
BUSY_S = 25.0  # what a test allows a busy machine beyond that


def test_a_refused_connection_ends_with_one_sentence(watching: Watching, record: Record) -> None:
    server = FeedServer()
    server.start()
    server.stop()
    watch = watching(server.url())
    assert watch.wait_for_end(40) == 1
    assert watch.stderr.strip().splitlines()[-1].startswith("undertone: ")
    record("connection refused at the start", watch, outcome="exit 1, one sentence")


def test_wait_goes_on_asking_until_the_server_is_there(watching: Watching, record: Record) -> None:
    server = FeedServer()
    server.start()
    server.stop()
    watch = watching(server.url(), "--wait")
    time.sleep(3.0)
    server.start()
    began = time.monotonic()
    try:
        took = watch.wait_for("ok or degraded", RECOVER_S + BUSY_S, since=began)
    finally:
        watch.__exit__()
        server.stop()
    record("refused, then there (--wait)", watch, outcome="connects", recovery_s=round(took, 1))


@pytest.mark.parametrize("how", ["--for 3", "SIGTERM"])
def test_accepts_and_never_answers(how: str, server: FeedServer, watching: Watching, record: Record) -> None:
    server.feed.silent = True
    watch = watching(server.url(), *(how.split() if how.startswith("--") else ()), "--wait")
    if how == "SIGTERM":
        watch.send_once_handled(signal.SIGTERM)
    began = time.monotonic()
    assert watch.wait_for_end(60) == 0
    took = time.monotonic() - began
    assert took < 3.0 + 9.0, "the time-out of 10 s did not end it"
    server.feed.silent = False
    record(f"accepts and never answers, {how}", watch, outcome="ends in time, exit 0")


@pytest.mark.parametrize("status", [401, 404])
def test_a_permanent_error_ends_at_once(
    status: int, server: FeedServer, watching: Watching, record: Record
) -> None:
    server.feed.status = status
    watch = watching(server.url(), "--wait")
    assert watch.wait_for_end(40) == 1
    record(f"HTTP {status} with --wait", watch, outcome="exit 1 at once, one sentence")


def test_a_stall_is_stale_and_then_recovers(server: FeedServer, watching: Watching, record: Record) -> None:
    watch = watching(server.url())
    settled(watch)
    server.feed.stalled = True
    stale = watch.wait_for("stale", 15.0)
    time.sleep(2.0)
    server.feed.stalled = False
    took = watch.wait_for("ok or degraded", RECOVER_S + BUSY_S)
    record("stall of 5 s", watch, outcome=f"stale after {stale:.1f} s", recovery_s=round(took, 1))


def test_a_stall_beyond_the_timeout_reconnects(
    server: FeedServer, watching: Watching, record: Record
) -> None:
    watch = watching(server.url(), "--timeout", "3")
    settled(watch)
    server.feed.stalled = True
    watch.wait_for("stale", 15.0)
    time.sleep(6.0)
    server.feed.stalled = False
    took = watch.wait_for("ok or degraded", RECOVER_S + BUSY_S)
    assert watch.health["reconnects"] + watch.health["stalls"] >= 1
    record("stall of 9 s, time-out 3 s", watch, outcome="reconnects", recovery_s=round(took, 1))


@pytest.mark.parametrize("reset", [False, True])
def test_a_server_that_goes_away_and_comes_back(
    reset: bool, server: FeedServer, watching: Watching, record: Record
) -> None:
    watch = watching(server.url())
    settled(watch)
    server.stop(reset=reset)
    watch.wait_for("stale", 15.0)
    time.sleep(2.0)
    server.start()
    took = watch.wait_for("ok or degraded", RECOVER_S + BUSY_S)
    watch.wait_for_reconnect(15.0)
    record(
        "server gone for 5 s, " + ("reset" if reset else "closed"),
        watch,
        outcome="reconnects",
        recovery_s=round(took, 1),
    )


def test_give_up_ends_with_its_reason(server: FeedServer, watching: Watching, record: Record) -> None:
    watch = watching(server.url(), "--give-up", "4")
    settled(watch)
    server.stop()
    assert watch.wait_for_end(60) == 1
    end = [seen.message for seen in watch.events if seen.message["event"] == "end"][-1]
    assert end["detail"]["reason"].startswith("gave up")
    record("server gone for good, --give-up 4", watch, outcome="exit 1, end: gave up")


@pytest.mark.parametrize("rate", [1.0, 2.0, 240.0])
def test_odd_rates_play(rate: float, server: FeedServer, watching: Watching, record: Record) -> None:
    server.feed.rate = rate
    server.feed.gop = 1 if rate < 25 else feed.RATE
    server.feed.clock = lambda number: int(number * 90_000 / rate) + 90_000
    watch = watching(server.url())
    give_up = time.monotonic() + 40
    while time.monotonic() < give_up and sum(s.message["win"] is not None for s in watch.confidences) < 8:
        time.sleep(0.1)
    assert watch.process.poll() is None, watch.stderr
    found = [seen.message for seen in watch.confidences if seen.message["win"] is not None]
    assert len(found) >= 8
    assert len({message["pts"] for message in found}) > 3, "new frames keep coming"
    record(f"{rate:.0f} frames a second", watch, outcome="plays")


def cut_short(data: bytes, chance: random.Random) -> bytes:
    """One packet in twenty loses its last bytes."""
    return data[: len(data) * 2 // 3] if chance.random() < 0.05 else data


def flip_bits(data: bytes, chance: random.Random) -> bytes:
    """A bit in about one frame in ten."""
    if chance.random() > 0.1:
        return data
    spoiled = bytearray(data)
    spoiled[chance.randrange(len(spoiled))] ^= 1 << chance.randrange(8)
    return bytes(spoiled)


@pytest.mark.parametrize("spoil", [cut_short, flip_bits])
def test_damaged_packets(
    spoil: Callable[[bytes, random.Random], bytes], server: FeedServer, watching: Watching, record: Record
) -> None:
    watch = watching(server.url())
    settled(watch)
    server.feed.spoil = spoil
    time.sleep(6.0)
    assert watch.process.poll() is None, watch.stderr
    server.feed.spoil = lambda data, _: data
    took = watch.wait_for("ok or degraded", RECOVER_S + BUSY_S)
    record(
        "truncated packets" if spoil is cut_short else "bit flips",
        watch,
        outcome="plays on",
        recovery_s=round(took, 1),
    )


WRAP = 1 << 33


@pytest.mark.parametrize(
    ("fault", "shift"),
    [
        ("pts one hour ahead", 3600 * 90_000),
        ("pts one hour back", -3600 * 90_000),
        ("pts 0.5 s back", -45_000),
    ],
)
def test_the_media_clock_jumps(
    fault: str, shift: int, server: FeedServer, watching: Watching, record: Record
) -> None:
    base = 7200 * 90_000
    server.feed.clock = lambda number: number * feed.STEP + base
    watch = watching(server.url())
    settled(watch)
    before = watch.confidences[-1].message["window"]["keypoints"]
    server.feed.clock = lambda number: number * feed.STEP + base + shift
    time.sleep(4.0)
    watch.wait_for("ok", RECOVER_S + BUSY_S)
    last = watch.confidences[-1].message
    assert last["window"]["keypoints"] >= before, "a jump of the clock must not empty the window"
    assert last["window"]["largest_gap_s"] < 3.0
    record(fault, watch, outcome="history kept")


def test_the_media_clock_wraps(server: FeedServer, watching: Watching, record: Record) -> None:
    began = int((time.monotonic() - server.began) * feed.RATE)
    server.feed.clock = lambda number: (number - began - 150) * feed.STEP + WRAP  # the muxer writes 33 bits
    watch = watching(server.url())
    settled(watch)
    time.sleep(8.0)
    watch.wait_for("ok", RECOVER_S + BUSY_S)
    assert watch.health["reconnects"] == 0
    assert watch.confidences[-1].message["window"]["largest_gap_s"] < 2.0, "a wrap is no leap of 26 hours"
    record("pts wrap", watch, outcome="no gap")


def test_stamps_in_pairs(server: FeedServer, watching: Watching, record: Record) -> None:
    server.feed.clock = lambda number: (number // 2 * 2) * feed.STEP + number % 2 + 90_000
    watch = watching(server.url())
    watch.wait_for("ok", 60.0, since=0.0)
    record("stamps in pairs, 11 µs apart", watch, outcome="plays")


def test_the_picture_size_changes(server: FeedServer, watching: Watching, record: Record) -> None:
    watch = watching(server.url())
    settled(watch)
    server.feed.size = (480, 360)
    took = watch.wait_for("ok or degraded", RECOVER_S + BUSY_S, since=time.monotonic() + 1.5)
    assert watch.process.poll() is None
    record("resolution changes mid-stream", watch, outcome="plays on", recovery_s=round(took, 1))


def test_the_codec_changes(server: FeedServer, watching: Watching, record: Record) -> None:
    watch = watching(server.url())
    settled(watch)
    server.feed.codec = "mpeg2video"
    time.sleep(4.0)
    took = watch.wait_for("ok or degraded", RECOVER_S + BUSY_S)
    age = watch.confidences[-1].message["age_ms"]
    assert age is not None
    assert age < 2000
    record("h264 → mpeg2 mid-stream", watch, outcome="decoder rebuilt", recovery_s=round(took, 1))


def test_sound_alone(server: FeedServer, watching: Watching, record: Record) -> None:
    server.feed.audio = True
    watch = watching(server.url(), "--wait")
    assert watch.wait_for_end(40) == 1
    assert "holds no video, found only audio" in watch.stderr.strip().splitlines()[-1]
    record("audio only, --wait", watch, outcome="exit 1 at once, one sentence")


def test_a_peer_that_vanishes(server: FeedServer, watching: Watching, record: Record) -> None:
    """Half-open: the connection stands, nobody is at its other end."""
    watch = watching(server.url(), "--timeout", "3")
    settled(watch)
    server.vanish()
    watch.wait_for("stale", 15.0)
    time.sleep(3.0)
    server.feed.stalled = False
    server.start()
    took = watch.wait_for("ok or degraded", RECOVER_S + BUSY_S)
    watch.wait_for_reconnect(15.0)
    record("half-open connection, time-out 3 s", watch, outcome="reconnects", recovery_s=round(took, 1))


def same_stamps(data: bytes, _: random.Random) -> bytes:
    """Without the last bit of the stamps of a video PES packet: even and odd are the same pts."""
    at = data.find(b"\x00\x00\x01\xe0")
    if at < 0:
        return data
    spoiled = bytearray(data)
    spoiled[at + 13] &= 0xFD
    if spoiled[at + 7] & 0x40:  # a dts follows
        spoiled[at + 18] &= 0xFD
    return bytes(spoiled)


def test_stamps_that_are_the_same(server: FeedServer, watching: Watching, record: Record) -> None:
    """One picture in ten has the stamp of the one before."""
    server.feed.clock = lambda number: (number - (number % 10 == 9)) * feed.STEP + (number % 10 == 9) + 90_000
    server.feed.spoil = same_stamps
    watch = watching(server.url())
    watch.wait_for("ok", 60.0, since=0.0)
    record("duplicate pts", watch, outcome="plays")


def test_a_signal_while_it_plays(server: FeedServer, watching: Watching, record: Record) -> None:
    watch = watching(server.url())
    settled(watch)
    watch.process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    assert watch.wait_for_end(30) == 0
    took = time.monotonic() - began
    end = [seen.message for seen in watch.events if seen.message["event"] == "end"][-1]
    assert end["detail"]["reason"] == "stopped"
    record("SIGTERM while it plays", watch, outcome=f"exit 0 after {took:.1f} s, end: stopped")
