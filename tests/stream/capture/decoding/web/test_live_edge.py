"""Places of pictures in a playlist that is listed again and again."""

import pytest

from stream.capture.decoding.web import playlist
from stream.capture.decoding.web.live_edge import LiveEdge
from stream.capture.decoding.web.playlist import Playlist


def listing(first: int, count: int, *, dated: float | None = None) -> Playlist:
    """Segments of 2 s; ``dated``: unix seconds of segment 0."""
    lines = ["#EXTM3U", "#EXT-X-TARGETDURATION:2", f"#EXT-X-MEDIA-SEQUENCE:{first}"]
    if dated is not None:
        whole = int(dated + 2 * first)
        clock = f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"
        lines.append(f"#EXT-X-PROGRAM-DATE-TIME:1970-01-01T{clock}Z")
    for number in range(first, first + count):
        lines += ["#EXTINF:2.0,", f"{number}.ts"]
    return playlist.read("\n".join(lines), "http://host/list.m3u8")


def begun(**how: float) -> tuple[LiveEdge, Playlist]:
    edge, listed = LiveEdge(), listing(10, 5, **how)
    edge.listed(listed, now=100.0)
    edge.opened(listed.segments[2])
    return edge, listed


def test_nothing_is_known_before_a_segment() -> None:
    assert LiveEdge().place(1.0, 2.0, 3.0) is None


def test_a_picture_is_as_far_behind_as_is_listed_after_it() -> None:
    edge, _ = begun()  # segments 12, 13 and 14 are still to come: 6 s
    first = edge.place(5000.0, now=100.0, unix_s=0.0)
    assert first is not None
    assert (first.lag_s, first.listed_s) == (6.0, 6.0)
    later = edge.place(5000.8, now=100.8, unix_s=0.0)
    assert later is not None
    assert later.lag_s == pytest.approx(6.0), "played at its own speed the lag stays"
    assert later.listed_s == pytest.approx(5.2)


def test_a_stall_adds_to_the_lag_and_it_stays_added() -> None:
    edge, _ = begun()
    edge.place(5000.0, 100.0, 0.0)
    edge.listed(listing(14, 5), now=108.0)  # 7 s later than the picture was due
    edge.opened(listing(10, 5).segments[3])
    found = edge.place(5002.0, now=109.0, unix_s=0.0)
    assert found is not None
    assert found.listed_s == pytest.approx(12.0)  # 13 to 18
    assert found.lag_s == pytest.approx(13.0)


def test_the_place_survives_a_window_that_has_slid_past() -> None:
    edge, _ = begun()
    edge.place(5000.0, 100.0, 0.0)
    for first in range(11, 18):
        edge.listed(listing(first, 5), now=100.0 + 2 * (first - 10))
    found = edge.place(5001.0, now=114.0, unix_s=0.0)
    assert found is not None
    assert found.listed_s == pytest.approx(6.0 + 14.0 - 1.0)


def test_a_programme_date_time_is_believed_for_the_lag() -> None:
    edge, _ = begun(dated=36_000.0)
    found = edge.place(5000.0, now=100.0, unix_s=36_000.0 + 24.0 + 9.5)
    assert found is not None
    assert found.lag_s == pytest.approx(9.5)
    assert found.listed_s == 6.0


def test_another_clock_begins_at_its_segment() -> None:
    edge, listed = begun()
    edge.place(5000.0, 100.0, 0.0)
    edge.opened(listed.segments[3])
    held = edge.place(5001.96, 102.0, 0.0)  # the last picture of the segment before comes late
    fresh = edge.place(7.0, 102.0, 0.0)
    assert held is not None
    assert fresh is not None
    assert held.listed_s == pytest.approx(4.04)
    assert fresh.listed_s == pytest.approx(4.0)


@pytest.mark.parametrize(
    ("max_lag_s", "passed_over"), [(None, range(12, 17)), (9.0, range(12, 17)), (4.0, range(12, 18))]
)
def test_too_far_behind_skips_to_the_default_start(max_lag_s: float | None, passed_over: range) -> None:
    """Twenty seconds are listed, the target duration is 2 s; limits of 10, 9 and 4 s."""
    edge, listed = LiveEdge(max_lag_s=max_lag_s), listing(10, 10)
    edge.listed(listed, now=100.0)
    over = []
    for segment in listed.segments[2:]:
        edge.opened(segment)
        found = edge.place(5000.0 + 2 * segment.number, now=100.0, unix_s=0.0)
        assert found is not None
        if found.behind:
            over.append(segment.number)
    assert over == list(passed_over)


def test_the_usual_distance_is_not_too_far() -> None:
    edge, listed = begun()
    for number in range(2, 5):
        edge.opened(listed.segments[number])
        found = edge.place(5000.0 + 2 * number, now=100.0, unix_s=0.0)
        assert found is not None
        assert not found.behind


def test_a_gap_of_unknown_segments_goes_on_at_the_end() -> None:
    edge, _ = begun()
    edge.place(5000.0, 100.0, 0.0)
    fresh = listing(500, 5)
    edge.listed(fresh, now=200.0)
    edge.opened(fresh.segments[4])
    found = edge.place(9000.0, 200.0, 0.0)
    assert found is not None
    assert found.lag_s == pytest.approx(2.0)
