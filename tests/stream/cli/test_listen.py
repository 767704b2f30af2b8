"""``undertone listen`` in front of a publisher that would steer the terminal."""

import json
import threading

import msgspec
import pytest
import zmq
from publishing import WAIT_S, confidence

from stream.cli.listen import run
from stream.cli.options import ListenOptions
from stream.publish.messages import Event
from stream.publish.wire import encode

HOSTILE = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202e\r\n"


def heard(raw: bytes, capsys: pytest.CaptureFixture[str], **options) -> str:
    with zmq.Context() as context, context.socket(zmq.XPUB) as sock:
        sock.linger = 0
        port = sock.bind_to_random_port("tcp://127.0.0.1")
        sock.setsockopt(zmq.XPUB_VERBOSE, 1)

        def answer() -> None:
            assert sock.poll(int(1000 * WAIT_S))
            sock.recv()
            sock.send(raw)

        thread = threading.Thread(target=answer)
        thread.start()
        run(ListenOptions(f"tcp://127.0.0.1:{port}", count=1, timeout_s=WAIT_S, **options))
        thread.join(WAIT_S)
    return capsys.readouterr().out


@pytest.mark.parametrize("as_json", [False, True])
def test_a_confidence_cannot_steer_the_terminal(as_json: bool, capsys: pytest.CaptureFixture[str]) -> None:
    message = msgspec.structs.replace(confidence(1), reason=HOSTILE, branches={HOSTILE: 0.5})
    out = heard(encode(message), capsys, json=as_json)
    assert out.endswith("\n")
    assert out[:-1].isprintable()
    if as_json:
        assert json.loads(out)["reason"] == HOSTILE, "escaped, not lost"


def test_an_event_cannot_either(capsys: pytest.CaptureFixture[str]) -> None:
    event = Event(run="r", time="2026-05-01T12:00:00.000Z", pts=None, event="cut", detail={HOSTILE: HOSTILE})
    out = heard(encode(event), capsys, topic="event")
    assert out[:-1].isprintable()
    assert json.loads(out)["detail"] == {HOSTILE: HOSTILE}
