"""From an estimate to a message: rounded, nulls before the first one, a state that may overrule."""

from dataclasses import replace as changed

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.publish.messages import (
    confidence_of,
    timestamp,
)
from stream.publish.wire import decode, encode
from stream.records import Estimate, WindowFigures

ESTIMATE = Estimate(
    tick=412,
    pts=16.4800001,
    captured=100.0,
    win=np.float64(0.58),
    state="degraded",
    reason="coverage low",
    branches={"keypoints": 0.123456, "text": None},
    window=WindowFigures(0.10305, 0.1, 0.98, 0.12, 16.1),
    text_age_s=12.34,
)


WHERE = {
    "run": "r",
    "seq": 7,
    "source": "demo",
    "bundle": "demo-1",
    "mode": "full",
    "provider": "CPU",
    "unix_s": 0.0005,
    "now": 100.0314,
}


def test_an_estimate_becomes_a_rounded_message():
    message = confidence_of(ESTIMATE, **WHERE)
    assert (message.win, message.loss) == (0.58, 0.42)
    assert (message.pts, message.age_ms, message.text_age_s) == (16.48, 31.4, 12.3)
    assert message.branches == {"keypoints": 0.1235, "text": None}
    assert (message.state, message.reason) == ("degraded", "coverage low")
    assert decode(encode(message)) == ("confidence", message)


@given(st.floats(0, 1))
def test_every_estimate_passes_the_sum_rule(win):
    message = confidence_of(changed(ESTIMATE, win=win), **WHERE)
    assert decode(encode(message))[1].win == pytest.approx(win, abs=1e-6)


def test_the_publisher_may_overrule_an_old_state():
    message = confidence_of(ESTIMATE, **WHERE, state="stale")
    assert (message.state, message.reason) == ("stale", None)


def test_an_age_that_says_nothing_is_null():
    message = confidence_of(ESTIMATE, **WHERE | {"now": None})
    assert (message.pts, message.age_ms) == (16.48, None)
    assert decode(encode(message)) == ("confidence", message)


@pytest.mark.parametrize(("delay_s", "lag_s"), [(7.4, 7.4), (-3.0, 0.0), (None, None)])
def test_a_lag_is_age_and_delay_and_is_left_out_where_it_is_unknown(delay_s, lag_s):
    message = confidence_of(ESTIMATE, **WHERE, delay_s=delay_s)
    assert message.lag_s == lag_s
    assert (b"lag_s" in encode(message)) == (lag_s is not None)
    assert decode(encode(message)) == ("confidence", message)
    assert confidence_of(ESTIMATE, **WHERE | {"now": None}, delay_s=delay_s).lag_s is None


def test_before_the_first_estimate_everything_is_null():
    message = confidence_of(None, **WHERE)
    assert (message.pts, message.age_ms, message.win, message.loss) == (None, None, None, None)
    assert message.branches == {"keypoints": None, "image": None, "text": None}
    assert message.state == "warming"
    assert decode(encode(message, "msgpack")) == ("confidence", message)


@pytest.mark.parametrize(
    ("unix_s", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1777636803.4124, "2026-05-01T12:00:03.412Z"),
        (0.9996, "1970-01-01T00:00:01.000Z"),
    ],
)
def test_timestamps_have_milliseconds(unix_s, text):
    assert timestamp(unix_s) == text
