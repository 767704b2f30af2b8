"""A camera on RTSP, served by GStreamer: it goes away, stalls, and wants a password."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from faults.conftest import settled
from faults.rtsp_server import RtspServer
from faults.watching import Watch

pytestmark = pytest.mark.slow

Watching = Callable[..., Watch]
Record = Callable[..., None]


@pytest.fixture
def camera(tmp_path: Path) -> Iterator[RtspServer]:
    with RtspServer(tmp_path) as camera:
        yield camera


def test_a_camera_that_is_killed_and_comes_back(
    camera: RtspServer, watching: Watching, record: Record
) -> None:
    watch = watching(camera.url)
    settled(watch)
    camera.stop()
    watch.wait_for("stale", 15.0)
    time.sleep(2.0)
    camera.start()
    took = watch.wait_for("ok or degraded", 30.0)
    watch.wait_for_reconnect(15.0)
    assert [seen for seen in watch.events if seen.message["event"] == "reconnect"]
    record("RTSP server killed, back after 5 s", watch, outcome="reconnects", recovery_s=round(took, 1))


def test_a_camera_that_stalls(camera: RtspServer, watching: Watching, record: Record) -> None:
    watch = watching(camera.url)
    settled(watch)
    camera.tell("stall")
    watch.wait_for("stale", 15.0)
    camera.tell("go")
    took = watch.wait_for("ok or degraded", 30.0)
    record("RTSP stalls", watch, outcome="stale, then fresh frames", recovery_s=round(took, 1))


def test_a_camera_that_has_udp_only(tmp_path: Path, watching: Watching, record: Record) -> None:
    with RtspServer(tmp_path, transport="udp") as camera:
        refused = watching(camera.url, "--rtsp-transport", "tcp")
        assert refused.wait_for_end(40) == 1
        assert refused.stderr.strip().splitlines()[-1].endswith("use --rtsp-transport auto.")
        watch = watching(camera.url)
        settled(watch)
    record("RTSP over UDP only", watch, outcome="plays; with --rtsp-transport tcp exit 1, one sentence")


def test_a_wrong_password_ends_at_once(tmp_path: Path, watching: Watching, record: Record) -> None:
    with RtspServer(tmp_path, login=("user", "right")) as camera:
        url = camera.url.replace("rtsp://", "rtsp://user:s3cr3t-Xy@")
        watch = watching(url, "--wait")
        assert watch.wait_for_end(40) == 1
        assert "s3cr3t-Xy" not in watch.stderr
    record("RTSP, wrong password, --wait", watch, outcome="exit 1 at once, password not shown")
