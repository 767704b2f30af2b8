"""The fields of a protocol buffer, by the examples of its own documentation, and what is none."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.bundle import protobuf
from stream.bundle.protobuf import Broken, Walker, opened


def fields(raw: bytes) -> list[tuple[int, int | bytes]]:
    walker = Walker(raw)
    return [
        (number, raw[value] if isinstance(value, slice) else value)
        for number, value in walker.fields(0, len(raw))
    ]


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", []),
        (b"\x08\x96\x01", [(1, 150)]),  # protobuf.dev, Encoding: a = 150
        (b"\x12\x07testing", [(2, b"testing")]),  # … b = "testing"
        (b"\x1a\x03\x08\x96\x01", [(3, b"\x08\x96\x01")]),  # … a message inside
        (b"\x0d\x01\x00\x00\x80", [(1, 0x80000001)]),
        (b"\x09\x01\x00\x00\x00\x00\x00\x00\x00", [(1, 1)]),
        (b"\x12\x00", [(2, b"")]),
        (b"\x08\x01\x12\x01x\x08\x02", [(1, 1), (2, b"x"), (1, 2)]),
    ],
)
def test_every_kind_of_field(raw: bytes, expected: list[tuple[int, int | bytes]]) -> None:
    assert fields(raw) == expected


@given(st.integers(0, 2**63 - 1))
def test_a_number_of_any_length(value: int) -> None:
    raw = varint(value)
    assert Walker(raw).varint(0, len(raw)) == (value, len(raw))


@given(
    st.lists(st.tuples(st.integers(1, 2**28), st.integers(0, 2**63 - 1) | st.binary(max_size=20)), max_size=8)
)
def test_what_was_written_is_read(records: list[tuple[int, int | bytes]]) -> None:
    raw = b"".join(
        varint(number << 3 | 2) + varint(len(value)) + value
        if isinstance(value, bytes)
        else varint(number << 3) + varint(value)
        for number, value in records
    )
    assert fields(raw) == records


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"\x08", "without an end"),
        (b"\x08\x80", "without an end"),
        (b"\x08" + b"\xff" * 10 + b"\x01", "without an end"),
        (b"\x12\x07test", "3 bytes are missing"),
        (b"\x0d\x01", "3 bytes are missing"),
        (b"\x12\xff\xff\xff\xff\xff\xff\xff\xff\x7f", "bytes are missing"),
        (b"\x0b", "field of kind 3"),
        (b"\x0f", "field of kind 7"),
    ],
)
def test_what_ends_too_early_or_is_none(raw: bytes, why: str) -> None:
    with pytest.raises(Broken, match=why):
        fields(raw)


@given(st.binary(max_size=60))
def test_any_bytes_are_fields_or_broken_and_never_read_beyond_the_end(raw: bytes) -> None:
    walker = Walker(raw + b"\x08\x01")
    try:
        found = list(walker.fields(0, len(raw)))
    except Broken:
        return
    assert all(value.stop <= len(raw) for _, value in found if isinstance(value, slice))


def test_all_messages_of_a_file_count_towards_one_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protobuf, "RECORDS", 3)
    walker = Walker(b"\x08\x01" * 2)
    assert len(list(walker.fields(0, 4))) == 2
    with pytest.raises(Broken, match="more than 3 records"):
        list(walker.fields(0, 4))


def test_a_file_is_walked_where_it_lies(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"\x08\x96\x01")
    with opened(tmp_path / "x") as walker:
        assert list(walker.fields(0, len(walker.raw))) == [(1, 150)]
    (tmp_path / "empty").touch()
    with pytest.raises(ValueError, match="empty"), opened(tmp_path / "empty"):
        pass
    with pytest.raises(OSError, match="No such file"), opened(tmp_path / "none"):
        pass
