"""How far behind the live edge of a playlist a picture is.

A playlist names its segments by number and says how long each is, so a picture has a place in it: that of
its segment, and its time within that. The live edge is where the newest segment ends, and runs on with the
clock until the playlist is asked again. A playlist with programme date-times (EXT-X-PROGRAM-DATE-TIME) says
the wall clock of a picture as well, which knows how long encoding and packaging took.
"""

from dataclasses import dataclass

from stream.capture.decoding.web.playlist import Playlist, Segment

TARGETS_AT_START = 3  # target durations behind the edge at which libav begins (RFC 8216, 6.3.3)
TARGETS_AT_MOST = 5  # so many behind it returns
_KEPT = 100  # segments that are remembered after they left the list
_SLACK_S = 1.0  # a picture this far outside of its segment is another segment's, or another clock's


@dataclass(frozen=True, slots=True)
class Place:
    """A picture in its playlist."""

    lag_s: float  # since it happened: by the programme date-time, else behind the live edge
    listed_s: float  # of media that is listed and comes after it
    behind: bool = False  # so far that it is passed over, on the way back to the live edge


@dataclass(slots=True)
class LiveEdge:
    """One media playlist, as it was listed again and again; all clocks are given."""

    max_lag_s: float | None = None  # of listed media; None: `TARGETS_AT_MOST` target durations
    target_s: float = 0.0
    _starts: dict[int, float] | None = (
        None  # segment number → its place, in seconds from the first ever listed
    )
    _end: float = 0.0  # of the newest segment
    _ended_at: float = 0.0  # monotonic seconds at which that was first listed
    _segment: Segment | None = None  # that is being read
    _anchor: tuple[float, float | None, float] | None = None  # place, wall clock and stamp of one picture
    _anchored: int = -1  # number of the segment that the anchor belongs to
    _returning: bool = False  # to the live edge

    def listed(self, playlist: Playlist, now: float) -> None:
        """The playlist as it is at ``now`` (monotonic seconds)."""
        segments = playlist.segments
        if not segments:
            return
        known, self.target_s = self._starts or {}, playlist.target_s
        common = next((s for s in segments if s.number in known), None)
        at = self._end if common is None else known[common.number]
        for segment in segments:
            if common is None or segment.number >= common.number:
                break
            at -= segment.seconds
        starts = {number: place for number, place in known.items() if number >= segments[0].number - _KEPT}
        for segment in segments:
            starts[segment.number] = at
            at += segment.seconds
        if self._starts is None or at > self._end:
            self._end, self._ended_at = at, now
        self._starts = starts

    def opened(self, segment: Segment) -> None:
        """What is read from here on belongs to ``segment``."""
        self._segment = segment

    def place(self, stamp: float, now: float, unix_s: float) -> Place | None:
        """Of a picture stamped ``stamp`` (seconds) and read at ``now``; None before the first segment."""
        segment = self._segment
        if segment is None or self._starts is None:
            return None
        start = self._place()
        anchor = self._anchor
        at = start if anchor is None else anchor[0] + stamp - anchor[2]
        lost = not start - _SLACK_S <= at <= start + segment.seconds + _SLACK_S
        if anchor is None or lost or self._anchored != segment.number:
            at = start if anchor is None or lost else at
            anchor = self._anchor = (start, segment.unix_s, stamp - (at - start))
            self._anchored = segment.number
        listed_s = max(0.0, self._end - at)
        lag_s = listed_s + now - self._ended_at
        if anchor[1] is not None:
            lag_s = unix_s - (anchor[1] + at - anchor[0])
        return Place(max(0.0, lag_s), listed_s, self._behind(listed_s))

    def _behind(self, listed_s: float) -> bool:
        """Whether to pass a picture over: from too far behind until as near as at the start."""
        most_s = TARGETS_AT_MOST * self.target_s if self.max_lag_s is None else self.max_lag_s
        near_s = min(TARGETS_AT_START * self.target_s, most_s)
        self._returning = listed_s > (near_s if self._returning else max(most_s, self.target_s))
        return self._returning

    def _place(self) -> float:
        assert self._segment is not None
        return (self._starts or {}).get(self._segment.number, self._end)


class Playlists:
    """The playlists of one source by their addresses, of which one is played."""

    def __init__(self, max_lag_s: float | None) -> None:
        """``max_lag_s``: see `LiveEdge`."""
        self._max_lag_s = max_lag_s
        self._segments: dict[str, dict[str, Segment]] = {}  # address of a playlist → of a segment → it
        self._edges: dict[str, LiveEdge] = {}  # of those that still grow
        self._edge: LiveEdge | None = None  # of the one that is played

    def listed(self, address: str, playlist: Playlist, now: float) -> None:
        """The playlist at ``address`` as it is at ``now`` (monotonic seconds)."""
        if not playlist.media:
            return
        self._segments[address] = {segment.url: segment for segment in playlist.segments}
        if not playlist.ended:
            edge = self._edges.setdefault(address, LiveEdge(max_lag_s=self._max_lag_s))
            edge.listed(playlist, now)

    def opened(self, url: str) -> bool:
        """Whether it is the address of a segment; if so what is read from here on belongs to it."""
        for address, segments in self._segments.items():
            if url in segments:
                self._edge = self._edges.get(address)
                if self._edge is not None:
                    self._edge.opened(segments[url])
                return True
        return False

    def place(self, stamp: float, now: float, unix_s: float) -> Place | None:
        """See `LiveEdge.place`; None where no playlist is played that still grows."""
        return None if self._edge is None else self._edge.place(stamp, now, unix_s)
