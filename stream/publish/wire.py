"""Message ⇄ bytes: a single frame, ``b"<topic> " + payload``, the payload JSON or msgpack.

``encode`` and ``decode`` check the same rules. A JSON payload begins with ``{``, which a msgpack map never
does (0x7b is the integer 123 there), so that a reader needs no option.
"""

import math
from typing import Any, Literal, get_args

import msgspec
from msgspec import Struct

from stream.errors import MessageError, UsageError
from stream.publish.messages import (
    BRANCHES,
    TOPICS,
    TYPES,
    VERSION,
    Confidence,
    Event,
    Health,
    Message,
    StageTimes,
    WindowShares,
    confidence_of,
    timestamp,
)

__all__ = [
    "BRANCHES",
    "TOPICS",
    "VERSION",
    "Confidence",
    "Event",
    "Health",
    "Message",
    "StageTimes",
    "WindowShares",
    "Wire",
    "as_replay",
    "confidence_of",
    "decode",
    "encode",
    "timestamp",
    "topic_of",
]

Wire = Literal["json", "msgpack"]

FRESH_S = 2.0  # age beyond which a last value is no longer ok, as with frames at live pace
SUM_TOLERANCE = 1e-9  # of win + loss = 1
DEEPEST = 16  # levels of nesting in an event's detail


class _Head(Struct):
    v: Any = None


_TOPIC_OF: dict[type, str] = {kind: topic for topic, kind in TYPES.items()}
_REFUSALS = (ValueError, TypeError, OverflowError, RecursionError)  # msgspec's errors are ValueErrors


def topic_of(message: Message) -> str:
    return _TOPIC_OF[type(message)]


def encode(message: Message, wire: Wire = "json") -> bytes:
    """``b"<topic> " + payload``. MessageError: a field breaks the schema, NaN and infinity included."""
    topic = topic_of(message)
    _check(topic, message)
    try:
        payload = _dump(message, wire)
        _load(payload, type(message))  # types and ranges; about a microsecond
    except _REFUSALS as error:
        raise _malformed(topic, error) from error
    return topic.encode() + b" " + payload


def decode(raw: bytes) -> tuple[str, Message]:
    """The topic and the message. MessageError: no or unknown topic, another version, a malformed field."""
    head, space, payload = raw.partition(b" ")
    if not space:
        raise MessageError(f"expected '<topic> <payload>' in one frame, found {_show(raw)} without a space")
    topic = head.decode("ascii", "replace")
    if topic not in TYPES:
        raise MessageError(f"expected a topic of {', '.join(TOPICS)}, found {_show(head)}")
    try:
        version = _load(payload, _Head).v
        if type(version) is not int or version != VERSION:
            raise MessageError(
                f"expected a {topic} message of schema v {VERSION}, found v {_show(version)}; "
                "run the same release of Undertone on both sides"
            )
        message: Message = _load(payload, TYPES[topic])
    except _REFUSALS as error:
        raise _malformed(topic, error) from error
    _check(topic, message)
    return topic, message


def as_replay(raw: bytes, wire: Wire, age_s: float | None = None) -> bytes:
    """The same encoded message marked as a repetition, with its age in seconds; its seq stays.

    What was ok is stale when it is older than ``FRESH_S``.
    """
    _, message = decode(raw)
    changes: dict[str, Any] = {"replay": True}
    if age_s is not None:
        changes["replay_age_s"] = round(max(0.0, age_s), 3)
        if age_s > FRESH_S and not isinstance(message, Event) and message.state == "ok":
            changes |= {"state": "stale", "reason": f"last value, {age_s:.0f} s old"}
    return encode(msgspec.structs.replace(message, **changes), wire)


def _dump(message: Message, wire: Wire) -> bytes:
    if wire == "json":
        return msgspec.json.encode(message)
    if wire == "msgpack":
        return msgspec.msgpack.encode(message)
    raise UsageError(f"expected a wire format of {' or '.join(get_args(Wire))}, found {wire!r}; choose one")


def _load(payload: bytes, kind: type[Any]) -> Any:
    if payload[:1] == b"{":
        return msgspec.json.decode(payload, type=kind)
    return msgspec.msgpack.decode(payload, type=kind)


def _check(topic: str, message: Message) -> None:
    """The rules that types cannot express: finite numbers, plain values, win + loss = 1."""
    _check_plain(topic, message, depth=0)
    if not isinstance(message, Confidence):
        return
    win, loss = message.win, message.loss
    if (win is None) != (loss is None):
        raise MessageError(f"expected win and loss both numbers or both null, found {win} and {loss}")
    if win is not None and loss is not None and abs(win + loss - 1.0) > SUM_TOLERANCE:
        raise MessageError(f"expected win + loss = 1, found {win} + {loss} = {win + loss}")


def _check_plain(where: str, value: Any, depth: int) -> None:
    """``where`` names the field, dotted; JSON would turn NaN into null and a tuple key into a string."""
    if value is None or isinstance(value, str):
        return
    if isinstance(value, int):
        if not -(2**63) <= value < 2**64:  # msgpack's range
            raise MessageError(f"expected an integer of 64 bits in {where}, found {value.bit_length()} bits")
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise MessageError(f"expected a finite number in {where}, found {value}")
    elif isinstance(value, Struct):
        for name in value.__struct_fields__:
            _check_plain(f"{where}.{name}", getattr(value, name), depth)
    elif depth >= DEEPEST:
        raise MessageError(f"expected at most {DEEPEST} levels in {where}, found more; flatten the detail")
    elif isinstance(value, dict) and all(isinstance(key, str) for key in value):
        for inner in value.values():
            _check_plain(where, inner, depth + 1)
    elif isinstance(value, list | tuple):
        for inner in value:
            _check_plain(where, inner, depth + 1)
    else:
        raise MessageError(f"expected plain JSON values in {where}, found {type(value).__name__}")


def _malformed(topic: str, error: Exception) -> MessageError:
    return MessageError(
        f"expected a {topic} message of schema v {VERSION}, found a malformed one: {_clip(str(error))}"
    )


def _show(found: object) -> str:
    return _clip(repr(found), 40)


def _clip(text: str, longest: int = 200) -> str:
    """Printable and short, whatever a peer sent."""
    text = "".join(character if character.isprintable() else "?" for character in text[: longest + 1])
    return text if len(text) <= longest else text[: longest - 3] + "..."
