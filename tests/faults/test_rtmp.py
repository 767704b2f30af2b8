"""RTMP by way of nginx: the publisher comes late, leaves and comes back."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from faults.conftest import settled
from faults.rtmp_server import Publisher, RtmpServer
from faults.watching import Watch

pytestmark = pytest.mark.slow


def test_a_publisher_that_leaves_and_comes_back(
    tmp_path: Path, watching: Callable[..., Watch], record: Callable[..., None]
) -> None:
    with RtmpServer(tmp_path) as server:
        with Publisher(server.url):
            watch = watching(server.url, "--wait", "--timeout", "4")
            settled(watch)
            first = watch.confidences[0].at - watch.began
        watch.wait_for("stale", 20.0)
        time.sleep(3.0)
        with Publisher(server.url):
            took = watch.wait_for("ok or degraded", 40.0)
            assert watch.process.poll() is None
        watch.wait_for_reconnect(15.0)
        record(
            "RTMP publisher away",
            watch,
            outcome=f"first message after {first:.1f} s; waits, stale, then fresh frames",
            recovery_s=round(took, 1),
        )
