"""What a person reads: whether there is text and how old it is, and a labeller's trouble."""

import pytest

from stream.cli.terminal import LineView, Progress, line, printable
from stream.publish.messages import Confidence, Event, WindowShares

MESSAGE = Confidence(
    run="r",
    seq=1,
    source="demo",
    bundle="demo",
    time="2026-05-01T12:00:03.412Z",
    pts=76.5,
    state="ok",
    win=0.63,
    loss=0.37,
    branches={"keypoints": 0.58, "image": None, "text": 0.7},
    window=WindowShares(keypoints=0.1, features=0.1, coverage=1.0, largest_gap_s=0.0),
    age_ms=31.4,
    mode="full",
    provider="CPU",
    text_age_s=12.4,
)


def test_the_line_says_whether_there_is_text_and_how_old() -> None:
    assert line(MESSAGE).endswith("keypoints 0.58 · image – · text 0.70 (12 s old)")
    without = Confidence(
        **{name: getattr(MESSAGE, name) for name in MESSAGE.__struct_fields__ if name != "text_age_s"}
        | {"branches": {"keypoints": 0.58, "image": None, "text": None}}
    )
    assert line(without).endswith("text –")


def test_a_labeller_failure_is_reported_once_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    view = LineView(as_json=True)
    detail = {"provider": "gemini", "from": "working", "to": "failing", "reason": "no answer"}
    view.tell(Event(run="r", time=MESSAGE.time, pts=1.0, event="describing", detail=detail))
    view.tell(Event(run="r", time=MESSAGE.time, pts=1.0, event="cut", detail={}))
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == "undertone: describing by gemini: failing (no answer)\n"


def test_a_typing_operator_keeps_the_line_below(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setattr("sys.stdin", type("Terminal", (), {"isatty": staticmethod(lambda: True)}))
    with LineView(as_json=False, typing=True) as view:
        view.show(MESSAGE)
    out = capsys.readouterr().out
    assert out.startswith("\x1b7\x1b[A\r\x1b[2K01:16.5")
    assert out.endswith("\x1b8\n")
    assert "\n" not in out[:-1]
    assert len(out) < 40 + 20


def test_a_live_source_of_known_length_shows_percent_and_media_time_left() -> None:
    progress = Progress(lambda: 200.0, fast=False, clock=lambda: 0.0)
    assert progress.at(50.0) == " 25% · 2:30 left · "
    assert progress.at(200.0) == "100% · 0:00 left · "
    assert progress.at(None) == ""


def test_at_fast_pace_the_time_left_follows_the_speed() -> None:
    now = iter([10.0, 10.0, 15.0])
    progress = Progress(lambda: 100.0, fast=True, clock=lambda: next(now))
    assert progress.at(0.0) == "  0% · "  # no speed yet
    assert progress.at(50.0) == " 50% · 0:05 left · "


def test_a_source_of_unknown_length_shows_nothing() -> None:
    assert Progress(lambda: None, fast=True).at(3.0) == ""


def test_a_terminal_shows_how_far_a_file_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    with LineView(as_json=False) as view:
        view.measure(lambda: 153.0, fast=False)
        view.show(MESSAGE)
    out = capsys.readouterr().out
    assert out.startswith("\r\x1b[2K 50% · 1:16 left · 01:16.5")
    assert len(out.strip("\r\n")) < 80 + 4, "no wider than the terminal"


def test_a_publishers_text_cannot_steer_the_terminal() -> None:
    hostile = Confidence(
        **{name: getattr(MESSAGE, name) for name in MESSAGE.__struct_fields__}
        | {"reason": "\x1b]0;owned\x07\x9b2J\r\n\u202e", "branches": {"\x1b[31m": 0.5}, "state": "degraded"}
    )
    assert line(hostile).isprintable()
    assert printable("a\x1bb\nc") == "a?b?c"
