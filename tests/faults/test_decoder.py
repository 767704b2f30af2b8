"""The decoder child dies, or stops."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from faults.conftest import settled
from faults.http_server import FeedServer
from faults.watching import Watch

pytestmark = pytest.mark.slow


def child_of(watch: Watch) -> int:
    """The decoder's process id: the child that serves frames."""
    threads = Path(f"/proc/{watch.process.pid}/task").iterdir()
    children = [int(pid) for thread in threads for pid in (thread / "children").read_text().split()]
    decoders = [pid for pid in children if b"decoding.process" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    assert len(decoders) == 1, decoders
    return decoders[0]


def test_a_killed_decoder_is_started_again(
    server: FeedServer, watching: Callable[..., Watch], record: Callable[..., None]
) -> None:
    watch = watching(server.url())
    settled(watch)
    os.kill(child_of(watch), signal.SIGKILL)
    time.sleep(0.5)
    took = watch.wait_for("ok or degraded", 30.0)
    watch.wait_for_reconnect(15.0)
    record("decoder killed", watch, outcome="started again", recovery_s=round(took, 1))


def test_a_stopped_decoder_is_replaced(
    server: FeedServer, watching: Callable[..., Watch], record: Callable[..., None]
) -> None:
    watch = watching(server.url(), "--timeout", "3")
    settled(watch)
    os.kill(child_of(watch), signal.SIGSTOP)
    watch.wait_for("stale", 15.0)
    took = watch.wait_for("ok or degraded", 40.0)
    watch.wait_for_reconnect(15.0)
    record("decoder stopped (SIGSTOP)", watch, outcome="replaced", recovery_s=round(took, 1))
