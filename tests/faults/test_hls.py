"""HLS: a playlist that stalls, lies, loses segments or leads elsewhere."""

import time
from collections.abc import Callable

import pytest
from faults.conftest import settled
from faults.http_server import FeedServer
from faults.watching import Watch

pytestmark = pytest.mark.slow

Watching = Callable[..., Watch]
Record = Callable[..., None]
LIST = "live.m3u8"


def wait_until(met: Callable[[], bool], within: float, what: str) -> None:
    give_up = time.monotonic() + within
    while not met():
        assert time.monotonic() < give_up, f"expected {what} within {within} s"
        time.sleep(0.1)


def refused_at_once(watch: Watch, words: str) -> None:
    assert watch.wait_for_end(40) == 1
    last = watch.stderr.strip().splitlines()[-1]
    assert last.startswith("undertone: http://127.0.0.1:"), last
    assert words in last, last


def test_missing_segments_are_counted_and_said(
    server: FeedServer, watching: Watching, record: Record
) -> None:
    watch = watching(server.url(LIST))
    settled(watch)
    newest = server.newest
    server.feed.missing = {newest + 1, newest + 2}
    wait_until(lambda: watch.health.get("dropped", {}).get("segments") == 2, 30.0, "two missing segments")
    took = watch.wait_for("ok or degraded", 30.0, since=time.monotonic() + 2.0)
    assert [seen for seen in watch.events if seen.message["event"] == "missing"]
    assert "segments of the playlist that were not there" in watch.stderr
    record("HLS: two segments 404", watch, outcome="counted and said, plays on", recovery_s=round(took, 1))


def lag_s(watch: Watch) -> float:
    """The newest lag."""
    newest = watch.confidences[-1].message
    assert "lag_s" in newest, newest
    return float(newest["lag_s"])


@pytest.mark.parametrize("dated", [True, False])
def test_a_playlist_that_stands_still(
    dated: bool, server: FeedServer, watching: Watching, record: Record
) -> None:
    """What was recorded meanwhile is listed afterwards: the stream returns to the live edge."""
    server.feed.dated, server.feed.kept = dated, 30
    watch = watching(server.url(LIST))
    settled(watch)
    before = lag_s(watch)
    assert 1.0 < before < 8.0
    server.feed.frozen = True
    watch.wait_for("stale", 20.0)
    time.sleep(5.0)
    behind = lag_s(watch)
    server.feed.frozen = False
    took = watch.wait_for("ok or degraded", 30.0)
    assert behind > before + 4.0
    wait_until(lambda: lag_s(watch) < before + 2.5, 15.0, "the lag of before")
    wait_until(lambda: watch.health["dropped"]["behind"] > 50, 5.0, "pictures passed over and counted")
    assert watch.health["reconnects"] == 0
    outcome = f"stale, lag_s {before:.0f} → {behind:.0f} → {lag_s(watch):.0f}, then fresh frames"
    what = "with" if dated else "without"
    record(f"HLS stands still, {what} date-times", watch, outcome=outcome, recovery_s=round(took, 1))


def test_a_discontinuity(server: FeedServer, watching: Watching, record: Record) -> None:
    watch = watching(server.url(LIST))
    settled(watch)
    before = watch.confidences[-1].message["window"]["keypoints"]
    server.feed.cut_at = server.newest + 1
    time.sleep(7.0)
    watch.wait_for("ok or degraded", 30.0)
    assert watch.process.poll() is None, watch.stderr
    assert watch.confidences[-1].message["window"]["keypoints"] > before, "history is kept"
    record("HLS: discontinuity, another clock", watch, outcome="plays on, history kept")


def test_an_emptied_folder(server: FeedServer, watching: Watching, record: Record) -> None:
    watch = watching(server.url(LIST))
    settled(watch)
    server.feed.emptied = True
    watch.wait_for("stale", 30.0)
    time.sleep(2.0)
    server.feed.emptied = False
    took = watch.wait_for("ok or degraded", 40.0)
    watch.wait_for_reconnect(15.0)
    record("HLS: playlist folder emptied", watch, outcome="reconnects", recovery_s=round(took, 1))


def test_a_redirect_loop(server: FeedServer, watching: Watching, record: Record) -> None:
    server.feed.location = server.url(LIST)
    watch = watching(server.url(LIST), "--wait")
    refused_at_once(watch, "redirects in a circle")
    record("HLS: redirect loop, --wait", watch, outcome="exit 1 at once, one sentence")


@pytest.mark.parametrize("where", ["file:///etc/hostname", "http://127.0.0.1:9/x.ts"])
def test_a_playlist_that_leads_elsewhere(
    where: str, server: FeedServer, watching: Watching, record: Record
) -> None:
    server.feed.extra_lines = ("#EXTINF:1.0,", where)
    watch = watching(server.url(LIST), "--wait")
    local = where.startswith("file")
    refused_at_once(watch, "found file:" if local else "add --allow-host 127.0.0.1:9")
    what = "a file" if local else "another port of this machine"
    record(f"HLS: playlist leads to {what}", watch, outcome="exit 1 at once, one sentence")


def test_a_playlist_that_leads_elsewhere_for_a_while(
    server: FeedServer, watching: Watching, record: Record
) -> None:
    watch = watching(server.url(LIST))
    settled(watch)
    server.feed.extra_lines = ("#EXTINF:1.0,", "http://127.0.0.1:9/x.ts")
    watch.wait_for("stale", 30.0)
    server.feed.extra_lines = ()
    took = watch.wait_for("ok or degraded", 40.0)
    lost = [
        seen.message["detail"]["reason"] for seen in watch.events if seen.message["event"] == "disconnect"
    ]
    assert "add --allow-host 127.0.0.1:9" in lost[0]
    record(
        "HLS: leads elsewhere for a while", watch, outcome="refused, reconnects", recovery_s=round(took, 1)
    )
