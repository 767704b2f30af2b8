"""Playlists: absolute addresses, segments with their clocks."""

from hypothesis import given
from hypothesis import strategies as st

from stream.capture.decoding.web import playlist

TEXT = """#EXTM3U
#EXT-X-TARGETDURATION:4
#EXT-X-MEDIA-SEQUENCE:7
#EXT-X-MAP:URI="init.mp4"
#EXT-X-KEY:METHOD=AES-128,URI="../key?x=1",IV=0x1
#EXT-X-PROGRAM-DATE-TIME:2026-05-01T12:00:00.000Z
#EXTINF:4.000,title
a.ts
#EXTINF:3.5,
//cdn.example/b.ts
#EXT-X-DISCONTINUITY
#EXTINF:4,
file:///etc/passwd
"""


def test_addresses_become_absolute() -> None:
    found = playlist.read(TEXT, "http://host:81/live/list.m3u8?token=1")
    assert found.urls == (
        "http://host:81/live/init.mp4",
        "http://host:81/key?x=1",
        "http://host:81/live/a.ts",
        "http://cdn.example/b.ts",
        "file:///etc/passwd",
    )
    for url in found.urls:
        assert url in found.text
    assert 'METHOD=AES-128,URI="http://host:81/key?x=1",IV=0x1' in found.text
    assert "#EXTINF:4.000,title\nhttp://host:81/live/a.ts\n" in found.text
    assert found.media
    assert not found.ended


def test_segments_have_numbers_lengths_and_wall_clocks() -> None:
    found = playlist.read(TEXT + "#EXT-X-ENDLIST\n", "http://host/list.m3u8").segments
    assert [segment.number for segment in found] == [7, 8, 9]
    assert [segment.seconds for segment in found] == [4.0, 3.5, 4.0]
    noon = 1777636800.0
    assert [segment.unix_s for segment in found] == [noon, noon + 4.0, noon + 7.5]


def test_a_playlist_of_variants_has_no_segments() -> None:
    text = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nlow/list.m3u8\n"
    found = playlist.read(text, "http://host/master.m3u8")
    assert found.urls == ("http://host/low/list.m3u8",)
    assert not found.media
    assert not found.segments


def test_what_is_no_number_or_time_is_nothing() -> None:
    text = "#EXTM3U\n#EXT-X-TARGETDURATION:x\n#EXT-X-PROGRAM-DATE-TIME:yesterday\n#EXTINF:nan,\na.ts\n"
    found = playlist.read(text, "http://host/list.m3u8")
    assert found.target_s == 0.0
    assert not found.segments


def test_is_playlist() -> None:
    assert playlist.is_playlist(b"#EXTM3U\n")
    assert playlist.is_playlist(b"\xef\xbb\xbf#EXTM3U\n")
    assert not playlist.is_playlist(b"G\x40\x00")


@given(st.lists(st.sampled_from(TEXT.splitlines()) | st.text(max_size=40), max_size=30), st.text(max_size=30))
def test_no_text_raises(lines: list[str], base: str) -> None:
    playlist.read("\n".join(lines), base)
