"""Which other files an ONNX graph makes its reader open; none of them is opened here.

A graph may keep weights in other files and name them by any path. ONNX Runtime never gets a graph whose names
leave its own directory (onnx.proto: ModelProto, GraphProto, TensorProto …).
"""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from stream.bundle.protobuf import Broken, Walker, opened
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


def external_files(path: Path) -> set[str]:
    """The locations that the graph in ``path`` names, spelled its way.

    Raises BundleError for a file that is cut short or no ONNX graph.
    """
    try:
        with opened(path) as walker:
            return set(_locations(walker, slice(0, len(walker.raw)), _MODEL, 0))
    except (OSError, ValueError, Broken) as error:  # an empty file cannot be mapped: ValueError
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


def _locations(walker: Walker, part: slice, inside: dict[int, str], depth: int) -> Iterator[str]:
    if depth > _DEPTH:
        raise Broken("nested too deeply")
    for number, value in walker.fields(part.start, part.stop):
        kind = inside.get(number)
        if kind is None or not isinstance(value, slice):
            continue
        if kind == "tensor":
            yield from _named(walker, value)
        else:
            yield from _locations(walker, value, _INSIDE[kind], depth + 1)


def _named(walker: Walker, tensor: slice) -> Iterator[str]:
    """The location of one tensor, if its data is elsewhere."""
    for number, value in walker.fields(tensor.start, tensor.stop):
        if number == _EXTERNAL and isinstance(value, slice):
            fields = walker.fields(value.start, value.stop)
            entry = {n: walker.raw[part] for n, part in fields if isinstance(part, slice)}
            if entry.get(_KEY) == b"location":
                yield entry.get(_VALUE, b"").decode("utf-8", "replace")
