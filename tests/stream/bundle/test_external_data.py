"""Graphs that name weights elsewhere, written field by field as onnx.proto has them."""

from pathlib import Path

import pytest

from stream.bundle import external_data
from stream.bundle.load import demo_bundle
from stream.errors import BundleError


def field(number: int, payload: bytes) -> bytes:
    """A length-delimited field; lengths below 2**14."""
    length = len(payload)
    size = bytes([length]) if length < 128 else bytes([length & 127 | 128, length >> 7])
    tag = number << 3 | 2
    return (bytes([tag]) if tag < 128 else bytes([tag & 127 | 128, tag >> 7])) + size + payload


def tensor(location: str) -> bytes:
    entries = {"offset": "0", "location": location, "length": "4"}
    external = [field(13, field(1, k.encode()) + field(2, v.encode())) for k, v in entries.items()]
    return field(8, b"weight") + b"".join(external) + b"\x70\x01"  # data_location = EXTERNAL


PLACES = {
    "initializer": lambda t: field(7, field(5, t)),
    "constant": lambda t: field(7, field(1, field(4, b"Constant") + field(5, field(5, t)))),
    "branch of an If": lambda t: field(7, field(1, field(5, field(6, field(5, t))))),
    "function": lambda t: field(25, field(7, field(5, field(5, t)))),
    "sparse": lambda t: field(7, field(15, field(1, t))),
}


@pytest.mark.parametrize("place", PLACES)
def test_weights_elsewhere_are_found_wherever_a_graph_keeps_tensors(tmp_path: Path, place: str) -> None:
    path = tmp_path / "graph.onnx"
    path.write_bytes(b"\x08\x0a" + PLACES[place](tensor("weights.bin")))
    assert external_data.external_files(path) == {"weights.bin"}
    (tmp_path / "weights.bin").write_bytes(b"1234")
    assert external_data.check(path, tmp_path) == {"weights.bin"}


@pytest.mark.parametrize("location", ["/etc/passwd", "../weights.bin", "a/../../weights.bin", "a\\b", ""])
def test_weights_outside_are_refused(tmp_path: Path, location: str) -> None:
    path = tmp_path / "graph.onnx"
    path.write_bytes(PLACES["initializer"](tensor(location)))
    with pytest.raises(BundleError, match=r"expected weights in plain files inside .* do not use this file"):
        external_data.check(path, tmp_path)


@pytest.mark.parametrize("name", ["weights.bin", "folder/weights.bin"])
def test_links_are_refused(tmp_path: Path, name: str) -> None:
    inside, outside = tmp_path / "bundle", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    (outside / "weights.bin").write_bytes(b"1234")
    (inside / name.split("/")[0]).symlink_to(outside if "/" in name else outside / name)
    path = inside / "graph.onnx"
    path.write_bytes(PLACES["initializer"](tensor(name)))
    with pytest.raises(BundleError, match="found them at"):
        external_data.check(path, inside)


@pytest.mark.parametrize(
    "raw", [b"", PLACES["initializer"](tensor("w"))[:-1], b"\x3a\xff\xff\xff\xff\x0f", b"\xff" * 40, b"{}"]
)
def test_what_is_no_whole_graph_is_one_sentence(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "graph.onnx"
    path.write_bytes(raw)
    with pytest.raises(BundleError, match=r"graph\.onnx: expected a whole ONNX graph") as caught:
        external_data.check(path, tmp_path)
    assert "\n" not in str(caught.value)


def test_graphs_within_graphs_have_an_end(tmp_path: Path) -> None:
    raw = tensor("w")
    for _ in range(100):
        raw = field(1, field(5, field(6, raw)))
    (tmp_path / "graph.onnx").write_bytes(field(7, raw))
    with pytest.raises(BundleError, match="nested too deeply"):
        external_data.check(tmp_path / "graph.onnx", tmp_path)


def test_the_demo_bundle_keeps_its_weights_in_its_graphs() -> None:
    for path in demo_bundle().glob("*.onnx"):
        assert external_data.external_files(path) == set()
