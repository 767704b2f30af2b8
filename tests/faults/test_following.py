"""A recording that is watched while it is written."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from faults import feed
from faults.conftest import settled
from faults.watching import Watch

pytestmark = pytest.mark.slow


def test_a_recording_that_grows_pauses_and_ends(
    tmp_path: Path, watching: Callable[..., Watch], record: Callable[..., None]
) -> None:
    path, stalled, over = tmp_path / "growing.ts", threading.Event(), threading.Event()
    muxer = feed.TsMuxer()
    path.write_bytes(b"".join(muxer.packet(n, n * feed.STEP) for n in range(50)))

    def write() -> None:
        number = 50
        with path.open("ab", buffering=0) as file:
            while not over.wait(1 / feed.RATE):
                if not stalled.is_set():
                    file.write(muxer.packet(number, number * feed.STEP))
                    number += 1

    thread = threading.Thread(target=write)
    thread.start()
    try:
        watch = watching(str(path), "--follow", "--timeout", "8")
        settled(watch)
        stalled.set()
        watch.wait_for("stale", 15.0)
        time.sleep(1.0)
        stalled.clear()
        took = watch.wait_for("ok or degraded", 20.0)
    finally:
        over.set()
        thread.join()
    assert watch.wait_for_end(40) == 0
    end = [seen.message for seen in watch.events if seen.message["event"] == "end"][-1]
    assert end["detail"]["reason"] == "ended"
    record("growing file, --follow: pauses, ends", watch, outcome="waits, exit 0", recovery_s=round(took, 1))
