"""The decoder child handles what strangers send: its parent believes nothing that is not a message."""

import contextlib
import fcntl
import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.capture.child_messages import read_message
from stream.capture.shared_frames import Segment
from stream.errors import SourceError, SourceTimeout


@pytest.fixture
def segment() -> Segment:
    return Segment.create(96 * 160 * 3)


def said(**message: object) -> bytes:
    return json.dumps(message).encode()


def shape(segment: Segment, **changes: int) -> dict[str, int]:
    return {"slots": segment.slots, "slot_bytes": segment.slot_bytes, "first": 0, **changes}


def test_what_a_decoder_says(segment: Segment) -> None:
    found = read_message(said(segment=shape(segment, first=7)), [segment.fd]).segment
    assert found is not None
    assert (found[0], found[1].slots) == (7, segment.slots)
    info = {"width": 160, "height": 96, "fps": 25.0, "codec": "h264", "duration_s": None, "others": []}
    announced = read_message(said(info=info), []).info
    assert announced is not None
    assert (announced.width, announced.codec) == (160, "h264")
    fault = read_message(said(error="it is dead", timeout=True, code="timeout"), []).fault
    assert isinstance(fault, SourceTimeout)
    assert read_message(said(end=True), []).ended


INFO = {"width": 160, "height": 96, "fps": 25.0, "codec": "h264", "duration_s": None}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        b"[1, 2]",
        b"{",
        b'{"segment": 7}',
        b'{"nothing": 1}',
        said(segment={"slots": 1}),
        said(info={**INFO, "width": -5}),
        said(info={**INFO, "height": 10**9}),
        said(info={**INFO, "fps": "fast"}),
        b'{"info": {"width": 1, "height": 1, "fps": 1e999, "codec": "x", "duration_s": null}}',
        said(info={**INFO, "more": 1}),
        said(error=7),
        b"[" * 100_000,
    ],
)
def test_garbage_is_one_sentence(data: bytes) -> None:
    with pytest.raises(SourceError, match="expected a message of the decoder"):
        read_message(data, [])


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_a_sentence(data: bytes) -> None:
    with contextlib.suppress(SourceError):
        found = read_message(data, [])
        assert found.segment is None, "a segment needs its memory"


@pytest.mark.parametrize(
    "changes", [{"slots": 0}, {"slots": 10**6}, {"slot_bytes": 0}, {"first": -1}, {"slots": 1}]
)
def test_a_segment_of_another_shape_is_not_mapped(segment: Segment, changes: dict[str, int]) -> None:
    with pytest.raises(SourceError):
        read_message(said(segment=shape(segment, **changes)), [segment.fd])


def test_a_segment_without_its_memory_is_refused(segment: Segment) -> None:
    with pytest.raises(SourceError, match="odd shape"):
        read_message(said(segment=shape(segment)), [])


def test_memory_that_could_be_shrunk_is_not_mapped(segment: Segment) -> None:
    """Reading where it was cut off would be a bus error, and the end of the parent."""
    size = os.fstat(segment.fd).st_size
    unsealed = os.memfd_create("unsealed", os.MFD_ALLOW_SEALING)
    os.ftruncate(unsealed, size)
    try:
        with pytest.raises(SourceError, match="not sealed"):
            read_message(said(segment=shape(segment)), [unsealed])
        fcntl.fcntl(unsealed, fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW)
        with pytest.raises(SourceError, match="not sealed"):
            read_message(said(segment=shape(segment)), [unsealed])
    finally:
        os.close(unsealed)
    with pytest.raises(OSError, match="not permitted"):
        os.ftruncate(segment.fd, 0)


def test_what_it_says_is_printable_and_short() -> None:
    fault = read_message(said(error="a\x1b[2J" + "b" * 9000, code="odd"), []).fault
    assert fault is not None
    assert str(fault).isprintable()
    assert len(str(fault)) <= 2000
    assert fault.code == "broke_off"
