"""Reads the operators and types of an ONNX file without the `onnx` package.

The base install has no `onnx`; the field numbers are those of onnx.proto.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import numpy as np

from stream.bundle.protobuf import Broken, Walker, opened
from stream.errors import ModelError

# TensorProto.DataType, by number.
# fmt: off
TYPES = (
    "UNDEFINED", "FLOAT", "UINT8", "INT8", "UINT16", "INT16", "INT32", "INT64", "STRING", "BOOL", "FLOAT16",
    "DOUBLE", "UINT32", "UINT64", "COMPLEX64", "COMPLEX128", "BFLOAT16", "FLOAT8E4M3FN", "FLOAT8E4M3FNUZ",
    "FLOAT8E5M2", "FLOAT8E5M2FNUZ", "UINT4", "INT4", "FLOAT4E2M1", "FLOAT8E8M0", "UINT2", "INT2",
)
# fmt: on
_INTEGERS = {"UINT8", "INT8", "UINT16", "INT16", "INT32", "INT64", "UINT32", "UINT64"}
_DEPTH = 16  # most levels of nested graphs
_READ = 4096  # bytes read of a constant: sizes, axes and zero points are short, weights are not needed


@dataclass(frozen=True, slots=True, eq=False)
class Tensor:
    """A constant; ``integers`` only for integers stored in the file itself."""

    name: str
    type: str
    integers: tuple[int, ...] | None
    raw: bytes = b""

    @property
    def zero(self) -> bool:
        """Whether every number is zero; for floats, whether every bit is."""
        return not any(self.raw if self.integers is None else self.integers)


@dataclass(frozen=True, slots=True, eq=False)
class Value:
    """An input or output: each dimension is a size, a name, or None if the file leaves it out."""

    name: str
    type: str  # empty if not stated
    shape: tuple[int | str | None, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One operator; float attributes are left out."""

    operator: str
    domain: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, "Attribute"]


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """A graph, or one nested in a node."""

    nodes: tuple[Node, ...]
    constants: Mapping[str, Tensor]
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]


Attribute: TypeAlias = int | bytes | tuple[int, ...] | Tensor | Graph


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A whole file."""

    graph: Graph
    opsets: Mapping[str, int] = field(default_factory=dict)  # domain → version


def read(path: Path) -> Model:
    """Read an ONNX file. Raises ModelError for a file that is no ONNX graph."""
    try:
        with opened(path) as walker:
            return _model(walker, slice(0, len(walker.raw)))
    except (OSError, ValueError, Broken) as error:
        raise ModelError(
            f"{path}: expected an ONNX graph, found something else ({error}); export it again."
        ) from error


class _Fields:
    """The fields of one message, by number, in the file's order."""

    def __init__(self, walker: Walker, part: slice) -> None:
        self._walker = walker
        self._all: dict[int, list[int | slice]] = {}
        for number, value in walker.fields(part.start, part.stop):
            self._all.setdefault(number, []).append(value)

    def parts(self, number: int) -> Iterator[slice]:
        return (value for value in self._all.get(number, ()) if isinstance(value, slice))

    def raw(self, number: int) -> bytes:
        last = b""
        for part in self.parts(number):
            last = bytes(self._walker.raw[part])
        return last

    def text(self, number: int) -> str:
        return self.raw(number).decode("utf-8", "replace")

    def texts(self, number: int) -> tuple[str, ...]:
        return tuple(bytes(self._walker.raw[p]).decode("utf-8", "replace") for p in self.parts(number))

    def has(self, number: int) -> bool:
        return number in self._all

    def integer(self, number: int) -> int:
        return next(reversed(self.integers(number)), 0)

    def integers(self, number: int) -> tuple[int, ...]:
        """A repeated integer, packed or not."""
        integers: list[int] = []
        for value in self._all.get(number, ()):
            if isinstance(value, int):
                integers.append(_signed(value))
                continue
            at = value.start
            while at < value.stop:
                one, at = self._walker.varint(at, value.stop)
                integers.append(_signed(one))
        return tuple(integers)


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def _model(walker: Walker, part: slice) -> Model:
    fields = _Fields(walker, part)
    graphs = list(fields.parts(7))
    if not graphs:
        raise Broken("no graph")
    opsets = (_Fields(walker, one) for one in fields.parts(8))
    return Model(_graph(walker, graphs[-1], 0), {one.text(1): one.integer(2) for one in opsets})


def _graph(walker: Walker, part: slice, depth: int) -> Graph:
    if depth > _DEPTH:
        raise Broken("nested too deeply")
    fields = _Fields(walker, part)
    constants = (_tensor(walker, one) for one in fields.parts(5))
    return Graph(
        nodes=tuple(_node(walker, one, depth) for one in fields.parts(1)),
        constants={one.name: one for one in constants},
        inputs=tuple(_value(walker, one) for one in fields.parts(11)),
        outputs=tuple(_value(walker, one) for one in fields.parts(12)),
    )


def _node(walker: Walker, part: slice, depth: int) -> Node:
    fields = _Fields(walker, part)
    attributes = {}
    for one in fields.parts(5):
        inner = _Fields(walker, one)
        if (value := _attribute(walker, inner, depth)) is not None:
            attributes[inner.text(1)] = value
    return Node(fields.text(4), fields.text(7), fields.texts(1), fields.texts(2), attributes)


def _attribute(walker: Walker, fields: _Fields, depth: int) -> Attribute | None:
    for part in fields.parts(6):
        return _graph(walker, part, depth + 1)
    for part in fields.parts(5):
        return _tensor(walker, part)
    if fields.has(8):
        return fields.integers(8)
    if fields.has(4):
        return fields.raw(4)
    kind = fields.integer(20)
    if kind == 2 or fields.has(3):  # INT; zero may be left out
        return fields.integer(3)
    return () if kind == 7 else None


def _tensor(walker: Walker, part: slice) -> Tensor:
    fields = _Fields(walker, part)
    kind = _type(fields.integer(2))
    where = next(iter(fields.parts(9)), None)
    raw = b"" if where is None else bytes(walker.raw[where.start : min(where.stop, where.start + _READ)])
    integers: tuple[int, ...] | None = None
    if kind in _INTEGERS and not fields.has(13):
        if where is None:
            integers = fields.integers(5) + fields.integers(7) + fields.integers(11)
        else:
            dtype = np.dtype(kind.lower()).newbyteorder("<")
            usable = len(raw) - len(raw) % dtype.itemsize
            integers = tuple(np.frombuffer(raw[:usable], dtype).tolist())
    return Tensor(fields.text(8), kind, integers, raw)


def _value(walker: Walker, part: slice) -> Value:
    fields = _Fields(walker, part)
    kind, shape = "", []
    for outer in fields.parts(2):
        for inner in _Fields(walker, outer).parts(1):
            tensor = _Fields(walker, inner)
            kind = _type(tensor.integer(1))
            for dims in tensor.parts(2):
                shape = [_dimension(_Fields(walker, one)) for one in _Fields(walker, dims).parts(1)]
    return Value(fields.text(1), kind, tuple(shape))


def _dimension(fields: _Fields) -> int | str | None:
    if fields.has(1):
        return fields.integer(1)
    return fields.text(2) or None


def _type(number: int) -> str:
    return TYPES[number] if 0 < number < len(TYPES) else ""
