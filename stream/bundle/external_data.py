"""Which files an ONNX graph would have read beside itself, found without opening any of them.

A graph may keep weights in other files and name them by any path. ONNX Runtime is not handed a graph whose
names leave its own directory. Only the lengths of protocol buffer fields are followed, so a graph of
gigabytes costs what its few thousand records cost (onnx.proto: ModelProto, GraphProto, TensorProto …).
"""

import mmap
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from stream.errors import BundleError

# Message → its fields that may lead to a tensor, by number.
_MODEL = {7: "graph", 20: "training", 25: "function"}
_INSIDE = {
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
}
_EXTERNAL, _KEY, _VALUE = 13, 1, 2  # of TensorProto, of StringStringEntryProto
_DEPTH = 64  # graphs within graphs


class _Broken(Exception):
    """Not a protocol buffer, or one that ends too early."""


def external_files(path: Path) -> set[str]:
    """The locations that the graph in ``path`` names, as it names them.

    Raises BundleError for a file that is cut short or no ONNX graph.
    """
    try:
        with path.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as raw:
            return set(_locations(raw, 0, len(raw), _MODEL, 0))
    except (OSError, ValueError, _Broken) as error:  # an empty file cannot be mapped: ValueError
        raise BundleError(
            f"{path}: expected a whole ONNX graph, found one that is cut short or damaged ({error}); "
            "copy or export it again."
        ) from error


def check(path: Path, within: Path) -> set[str]:
    """Every external file of the graph, relative to ``within``, which all of them must lie in as plain files.

    Raises BundleError for a location that is absolute, climbs up, or is a link or lies behind one.
    """
    found = set()
    for location in sorted(external_files(path)):
        pure = PurePosixPath(location)
        outside = not location or pure.is_absolute() or ".." in pure.parts or "\\" in location
        target = path.parent / location
        if outside or _linked(target, within) or not target.resolve().is_relative_to(within.resolve()):
            raise BundleError(
                f"{path}: expected weights in plain files inside {within}, found them at {location!r}; "
                "do not use this file."
            )
        found.add(target.relative_to(within).as_posix())
    return found


def _linked(target: Path, within: Path) -> bool:
    """Whether the file or a directory on the way to it, below ``within``, is a link."""
    return any(p.is_symlink() for p in (target, *target.parents) if p != within and within in p.parents)


def _locations(raw: mmap.mmap, at: int, end: int, inside: dict[int, str], depth: int) -> Iterator[str]:
    if depth > _DEPTH:
        raise _Broken("nested too deeply")
    for number, start, stop in _fields(raw, at, end):
        kind = inside.get(number)
        if kind == "tensor":
            yield from _named(raw, start, stop)
        elif kind is not None:
            yield from _locations(raw, start, stop, _INSIDE[kind], depth + 1)


def _named(raw: mmap.mmap, at: int, end: int) -> Iterator[str]:
    """The location of one tensor, if its data is elsewhere."""
    for number, start, stop in _fields(raw, at, end):
        if number == _EXTERNAL:
            entry = {n: raw[a:b] for n, a, b in _fields(raw, start, stop)}
            if entry.get(_KEY) == b"location":
                yield entry.get(_VALUE, b"").decode("utf-8", "replace")


def _fields(raw: mmap.mmap, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Number, start and end of every length-delimited field; others are stepped over."""
    while at < end:
        tag, at = _varint(raw, at, end)
        kind = tag & 7
        if kind == 0:
            _, at = _varint(raw, at, end)
        elif kind == 1:
            at += 8
        elif kind == 5:
            at += 4
        elif kind == 2:
            length, at = _varint(raw, at, end)
            yield tag >> 3, at, at + length if at + length <= end else _over(at + length, end)
            at += length
        else:
            raise _Broken(f"field of kind {kind}")
    if at != end:
        _over(at, end)


def _over(at: int, end: int) -> int:
    raise _Broken(f"{at - end} bytes are missing")


def _varint(raw: mmap.mmap, at: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while at < end and shift < 64:
        byte = raw[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
    raise _Broken("a number without an end")
