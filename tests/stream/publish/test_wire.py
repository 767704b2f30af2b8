"""Messages ⇄ bytes: round trips, refusals, and the published schema."""

import json
import math

import jsonschema
import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.errors import MessageError, UsageError
from stream.publish.messages import (
    TYPES,
    Confidence,
    Describing,
    Event,
    Health,
    Notes,
    StageTimes,
    WindowShares,
    timestamp,
)
from stream.publish.wire import as_replay, decode, encode
from stream.schema import FOLDER, schema_texts, schemas

WIRES = ("json", "msgpack")

names = st.text(min_size=1, max_size=12)
shares = st.floats(0, 1)
rates = st.floats(0, 1e9)
counts = st.integers(0, 2**63 - 1)
numbers = st.floats(allow_nan=False, allow_infinity=False)
maybe = st.none
times = st.floats(0, 4e9).map(timestamp)
states = st.sampled_from(["warming", "ok", "degraded", "stale", "absent"])
modes = st.sampled_from(["ring", "full"])
scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | numbers | st.text(max_size=8)
details = st.dictionaries(
    st.text(max_size=8),
    st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
        max_leaves=6,
    ),
    max_size=4,
)


@st.composite
def confidences(draw: st.DrawFn) -> Confidence:
    win = draw(maybe() | shares)
    return Confidence(
        run=draw(names),
        seq=draw(counts),
        source=draw(names),
        bundle=draw(names),
        time=draw(times),
        pts=draw(maybe() | numbers),
        state=draw(states),
        win=win,
        loss=None if win is None else 1.0 - win,
        branches=draw(st.dictionaries(names, maybe() | shares, max_size=3)),
        window=WindowShares(
            keypoints=draw(shares), features=draw(shares), coverage=draw(shares), largest_gap_s=draw(rates)
        ),
        age_ms=draw(maybe() | numbers),
        mode=draw(modes),
        provider=draw(names),
        reason=draw(maybe() | names),
        text_age_s=draw(maybe() | numbers),
        replay=draw(st.booleans()),
    )


healths = st.builds(
    Health,
    run=names,
    time=times,
    source=names,
    state=states,
    fps_in=rates,
    fps_observed=rates,
    estimates_per_s=rates,
    dropped=st.dictionaries(names, counts, max_size=3),
    stalls=counts,
    reconnects=counts,
    stages_ms=st.dictionaries(names, st.builds(StageTimes, p50=rates, p99=rates), max_size=3),
    provider=names,
    rss_mb=rates,
    reason=maybe() | names,
    hop=maybe() | counts,
    mode=maybe() | modes,
    late=maybe() | counts,
    describing=maybe()
    | st.builds(
        Describing,
        provider=names,
        model=names,
        state=st.sampled_from(["waiting", "idle", "sending", "failing", "denied"]),
        every_s=rates,
        last_error=maybe() | names,
        last_answer_age_s=maybe() | rates,
        **dict.fromkeys(("sent", "answered", "failed", "unused", "tokens_in", "tokens_out"), counts),
    ),
    notes=maybe() | st.builds(Notes, read=counts, shortened=counts),
    replay=st.booleans(),
)
events = st.builds(
    Event, run=names, time=times, pts=maybe() | numbers, event=names, detail=details, replay=st.booleans()
)
messages = confidences() | healths | events

EXAMPLE = Confidence(
    run="9f2c",
    seq=412,
    source="rtsp://cam/press",
    bundle="demo-1",
    time="2026-05-01T12:00:03.412Z",
    pts=16.48,
    state="ok",
    win=0.63,
    loss=0.37,
    branches={"keypoints": 0.58, "image": 0.71, "text": None},
    window=WindowShares(keypoints=0.10, features=0.10, coverage=0.98, largest_gap_s=0.12),
    age_ms=31.4,
    mode="ring",
    provider="CPU",
)
PRINTED = (
    '{"v":1,"run":"9f2c","seq":412,"source":"rtsp://cam/press","bundle":"demo-1",'
    '"time":"2026-05-01T12:00:03.412Z","pts":16.48,"state":"ok","win":0.63,"loss":0.37,'
    '"branches":{"keypoints":0.58,"image":0.71,"text":null},'
    '"window":{"keypoints":0.1,"features":0.1,"coverage":0.98,"largest_gap_s":0.12},'
    '"age_ms":31.4,"mode":"ring","provider":"CPU"}'
)


@given(messages, st.sampled_from(WIRES))
def test_decode_inverts_encode(message, wire):
    topic, decoded = decode(encode(message, wire))
    assert decoded == message
    assert TYPES[topic] is type(message)


@given(messages)
def test_every_json_message_satisfies_the_published_schema(message):
    topic, payload = encode(message).split(b" ", 1)
    schema = json.loads((FOLDER / f"{topic.decode()}.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(json.loads(payload))


def test_the_example_of_the_design_looks_as_printed():
    assert encode(EXAMPLE) == b"confidence " + PRINTED.encode()
    assert decode(b"confidence " + PRINTED.encode()) == ("confidence", EXAMPLE)


def test_the_published_schemas_are_those_of_the_records():
    published = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.json")}
    assert published == schema_texts(), "run stream.schema.write_schemas()"


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2},
        {"win": 1.5},
        {"state": "fine"},
        {"extra": 1},
        {"time": "yesterday"},
        {"window": {}},
        {"run": None},
    ],
)
def test_the_schema_and_the_decoder_refuse_alike(change):
    wrong = json.loads(PRINTED) | change
    assert not jsonschema.Draft202012Validator(schemas()["confidence"]).is_valid(wrong)
    for payload in (json.dumps(wrong).encode(), msgspec.msgpack.encode(wrong)):
        with pytest.raises(MessageError):
            decode(b"confidence " + payload)


@pytest.mark.parametrize("missing", sorted(json.loads(PRINTED)))
def test_every_field_of_the_design_is_required(missing):
    wrong = {name: value for name, value in json.loads(PRINTED).items() if name != missing}
    assert not jsonschema.Draft202012Validator(schemas()["confidence"]).is_valid(wrong)
    with pytest.raises(MessageError, match=missing):
        decode(b"confidence " + json.dumps(wrong).encode())


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (b"", "without a space"),
        (b"confidence", "without a space"),
        (b"weather {}", "topic of confidence, health, event, found b'weather'"),
        (b" {}", "topic of"),
        (b"\xff\xfe {}", "topic of"),
        (b"confidence ", "malformed"),
        (b"confidence {", "malformed"),
        (b"confidence []", "malformed"),
        (b"confidence {}", "found v None"),
        (b'confidence {"v":2}', "found v 2; run the same release"),
        (b'confidence {"v":true}', "found v True"),
        (b'confidence {"v":1}', "missing required field `run`"),
        (b"confidence " + PRINTED.replace("0.37", "0.36").encode(), r"win \+ loss = 1, found 0.63 \+ 0.36"),
        (b"confidence " + PRINTED.replace("0.37", "null").encode(), "both numbers or both null"),
        (b"confidence " + PRINTED.replace("31.4", "NaN").encode(), "malformed"),
        (b"confidence " + PRINTED.replace("31.4", "1e999").encode(), "age_ms"),
        (b"health " + PRINTED.encode(), "unknown field `seq`"),
        (b'event {"v":1,"\xff":1}', "malformed"),
        (b"event " + b'{"v":' + b"[" * 100_000, "malformed"),
        (b"event " + b"\x91" * 100_000, "malformed"),
    ],
)
def test_what_is_no_message_gets_one_sentence(raw, sentence):
    with pytest.raises(MessageError, match=sentence) as caught:
        decode(raw)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400


@given(st.binary(max_size=60), st.sampled_from([b"", b"confidence ", b"health ", b"event ", b"event {"]))
def test_noise_raises_nothing_but_message_errors(noise, head):
    with pytest.raises(MessageError):
        decode(head + noise)


@given(st.integers(0, len(PRINTED) - 1), st.integers(0, 255))
def test_a_damaged_message_decodes_or_raises_a_message_error(position, byte):
    damaged = bytearray(PRINTED.encode())
    damaged[position] = byte
    try:
        _, message = decode(b"confidence " + bytes(damaged))
    except MessageError:
        return
    assert encode(message)


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("field", ["pts", "age_ms", "win", "text_age_s"])
def test_no_message_carries_a_number_that_is_not_finite(wire, number, field):
    with pytest.raises(MessageError, match=f"finite number in confidence.{field}"):
        encode(msgspec.structs.replace(EXAMPLE, **{field: number}), wire)
    raw = b"confidence " + msgspec.msgpack.encode(json.loads(PRINTED) | {field: number})
    with pytest.raises(MessageError):
        decode(raw)


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(
    "wrong",
    [
        {"win": 0.7},
        {"loss": None},
        {"win": 1.2, "loss": -0.2},
        {"seq": -1},
        {"run": ""},
        {"state": "fine"},
        {"time": "12:00"},
        {"branches": {"image": 1.2}},
        {"source": "\ud800"},
        {"win": np.float32(0.63)},
    ],
)
def test_encode_refuses_what_decode_would(wire, wrong):
    with pytest.raises(MessageError):
        encode(msgspec.structs.replace(EXAMPLE, **wrong), wire)


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("value", [math.nan, {1: 2}, b"x", {1, 2}, object(), [math.inf], 2**70])
def test_an_event_carries_plain_values_only(wire, value):
    event = Event(run="r", time=EXAMPLE.time, pts=None, event="cut", detail={"x": value})
    with pytest.raises(MessageError, match=r"in event\.detail"):
        encode(event, wire)


def test_an_event_that_nests_without_end_is_refused():
    detail = {}
    detail["again"] = detail
    with pytest.raises(MessageError, match="levels"):
        encode(Event(run="r", time=EXAMPLE.time, pts=None, event="cut", detail=detail))


def test_an_unknown_wire_is_refused():
    with pytest.raises(UsageError, match="json or msgpack, found 'pickle'"):
        encode(EXAMPLE, "pickle")


def test_optional_fields_are_left_out_when_absent():
    payload = json.loads(encode(EXAMPLE).split(b" ", 1)[1])
    assert not {"reason", "text_age_s", "replay"} & payload.keys()


@pytest.mark.parametrize("wire", WIRES)
def test_a_replay_differs_by_its_mark_alone(wire):
    _, replayed = decode(as_replay(encode(EXAMPLE, wire), wire))
    assert replayed == msgspec.structs.replace(EXAMPLE, replay=True)
