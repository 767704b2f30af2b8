"""A recipe as plain tables, before it is a record: what it extends, what is set on the command line, and all
that is wrong with it at once."""

import typing
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from stream.errors import UsageError

Table = dict[str, Any]


def merged(base: Mapping[str, Any], own: Mapping[str, Any]) -> Table:
    """``base`` with what ``own`` says instead, section by section."""
    found = dict(base)
    for key, value in own.items():
        both = isinstance(value, dict) and isinstance(found.get(key), dict)
        found[key] = merged(found[key], value) if both else value
    return found


def assigned(texts: Iterable[str]) -> Table:
    """``section.key=value`` of ``--set`` as tables; a value that is no TOML is a string.

    UsageError for a text without a key or an equals sign.
    """
    found: Table = {}
    for text in texts:
        key, equals, value = text.partition("=")
        names = [name.strip() for name in key.split(".")]
        if not equals or not all(names):
            raise UsageError(
                f"expected --set section.key=value, found {text!r}; write pretrain.steps=100, say."
            )
        table: Any = _value(value.strip())
        for name in reversed(names):
            table = {name: table}
        found = merged(found, table)
    return found


def _value(text: str) -> Any:
    try:
        table = msgspec.toml.decode(f"value = {text}")
    except msgspec.DecodeError:
        return text
    return table["value"] if len(table) == 1 else text


def problems(
    raw: Mapping[str, Any], record: type[msgspec.Struct], path: str = ""
) -> Iterator[tuple[str, str]]:
    """Path and sentence of every unknown key and of every value that does not fit ``record``."""
    hints = typing.get_type_hints(record, include_extras=True)
    for key, value in raw.items():
        inner, at = hints.get(key), f"{path}.{key}" if path else key
        if inner is None:
            where = f"[{path}] " if path else ""
            yield at, f"{where}expected one of {', '.join(hints)}, found {key!r}"
        elif isinstance(value, dict) and isinstance(inner, type) and issubclass(inner, msgspec.Struct):
            yield from problems(value, inner, at)
        else:
            try:
                msgspec.convert(value, inner)
            except msgspec.ValidationError as error:
                what, _, inside = str(error).partition(" - at `$")
                yield at, f"{what} - at `$.{at}{inside or '`'}"


def without(raw: Mapping[str, Any], paths: Iterable[str]) -> Table:
    """``raw`` without the values at these paths."""
    found = dict(raw)
    for path in paths:
        key, _, rest = path.partition(".")
        if rest:
            found[key] = without(found[key], [rest])
        else:
            found.pop(key, None)
    return found


def toml_lines(table: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Tables as lines of TOML: plain keys first, then each section under its full name."""
    lines = [f"{key} = {_toml(value)}" for key, value in table.items() if not isinstance(value, dict)]
    for key, value in table.items():
        if isinstance(value, dict):
            lines += ["", f"[{prefix}{key}]", *toml_lines(value, f"{prefix}{key}.")]
    return lines


def _toml(value: Any) -> str:
    # TOML's strings, numbers and arrays of these have the same syntax as JSON's.
    return msgspec.json.encode(value).decode()
