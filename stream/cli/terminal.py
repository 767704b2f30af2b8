"""What ``undertone watch`` shows: one JSON object a message, or one line that moves on a terminal."""

import re
import shutil
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import msgspec

from stream.bundle.load import Bundle
from stream.cli.outlet import Outlet
from stream.publish.messages import Confidence, Event
from stream.records import two_digits

if TYPE_CHECKING:
    from stream.runtime.announcer import Settings

LINES = 256  # that may wait for a slow reader of standard output
_BAR = 24
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")


def say(what: str) -> None:
    """One line on stderr."""
    print(f"undertone: {what}", file=sys.stderr, flush=True)


class LineView:
    """Messages to standard output, notices about the run to standard error; neither is ever waited for.

    A context manager: inside, each stream has a thread of its own. The exception is ``lossless``, for files
    at fast pace: every line is printed, and a slow reader slows the run.
    """

    def __init__(
        self,
        *,
        as_json: bool,
        typing: bool = False,
        lossless: bool = False,
        on_closed: Callable[[], None] | None = None,
    ) -> None:
        """``typing``: an operator types on this terminal, on the line under the moving one.
        ``on_closed`` is called once when the reader of standard output has gone."""
        self._json = as_json
        self._moves = not as_json and sys.stdout.isatty()
        self._typing = typing and self._moves and sys.stdin is not None and sys.stdin.isatty()
        self._out = Outlet(
            sys.stdout,
            places=1 if self._moves else LINES,
            waits=lossless and not self._moves,
            on_closed=on_closed,
        )
        self._err = Outlet(sys.stderr, places=LINES)
        self._shown = False
        self._progress: Progress | None = None

    def __enter__(self) -> Self:
        self._out.start()
        self._err.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._out.close("\n" if self._moves and self._shown else "")
        if not self._moves and self._out.dropped:
            why = getattr(self._out.failure, "strerror", None) or "its reader is too slow"
            if not isinstance(self._out.failure, BrokenPipeError):
                self._err.put(f"undertone: {self._out.dropped} lines were not printed ({why}).\n")
        self._err.close()

    def release(self) -> None:
        """The run is to end: wait for no reader any more."""
        self._out.release()

    def measure(self, duration_s: Callable[[], float | None], *, fast: bool) -> None:
        """Show how much of a source of known length is done, on a terminal."""
        self._progress = Progress(duration_s, fast=fast)

    def header(self, settings: "Settings", endpoint: str, bundle: Bundle, notice: str | None = None) -> None:
        """One line on what runs, then what must be known first: the bundle's note, and ``notice``."""
        manifest = bundle.manifest
        self._err.put(
            f"undertone: {settings.source} → {endpoint} · bundle {manifest.name} · {settings.mode} mode, "
            f"an estimate every {settings.hop} ticks ({settings.hop / manifest.window.rate:.2g} s) · "
            f"{settings.pace} pace · {settings.provider}\n"
            f"undertone: {manifest.provenance.note}\n"
        )
        if notice is not None:
            self.note(notice)
        if self._typing:
            self._err.put("undertone: type descriptions below, one a line\n\n")

    def note(self, what: str) -> None:
        """One line on standard error."""
        self._err.put(f"undertone: {what}\n")

    def tell(self, event: Event) -> None:
        """One line on standard error when a labeller is in or out of trouble, or segments are missing."""
        if event.event == "describing":
            reason = f" ({event.detail['reason']})" if "reason" in event.detail else ""
            what = f"describing by {event.detail['provider']}: {event.detail['to']}{reason}"
        elif event.event == "missing":
            what = f"segments of the playlist that were not there: {event.detail['segments']}"
        else:
            return
        clear = "\r\x1b[2K" if self._moves and sys.stderr.isatty() else ""
        self._err.put(f"{clear}undertone: {what}\n")

    def show(self, message: Confidence) -> None:
        """Print one message."""
        self._shown = True
        if self._json:
            self._out.put(json_line(message))
            return
        text = line(message)
        if not self._moves:
            self._out.put(text + "\n")
            return
        if self._progress is not None:
            text = self._progress.at(message.pts) + text
        narrow = text[: shutil.get_terminal_size().columns - 1]  # a wrapped line could not be taken back
        if self._typing:
            self._out.put(f"\x1b7\x1b[A\r\x1b[2K{narrow}\x1b8")  # one line up and back to the operator's
        else:
            self._out.put(f"\r\x1b[2K{narrow}")


class Progress:
    """How much of a source of known length is done, and how long the rest will take."""

    def __init__(
        self,
        duration_s: Callable[[], float | None],
        *,
        fast: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``duration_s`` gives media seconds, None while unknown; ``fast``: the run is not held to the media
        clock, so that the rest is estimated from the speed so far."""
        self._duration_s, self._fast, self._clock = duration_s, fast, clock
        self._first: tuple[float, float] | None = None  # pts and clock of the first message

    def at(self, pts: float | None) -> str:
        """``" 37% · 0:48 left · "``; empty where the length is unknown."""
        duration = self._duration_s()
        if pts is None or not duration:
            return ""
        if self._first is None:
            self._first = (pts, self._clock())
        first_pts, began = self._first
        left = max(0.0, duration - pts)
        if self._fast:
            seen, passed = pts - first_pts, self._clock() - began
            left = left * passed / seen if seen > 0 else float("nan")
        shown = "" if left != left else f"{int(left) // 60}:{int(left) % 60:02d} left · "
        return f"{min(1.0, max(0.0, pts / duration)):4.0%} · {shown}"


def json_line(value: Any) -> str:
    """``value`` as one line of JSON that a terminal can take and standard output's encoding can carry.

    Control characters, and everything beyond ASCII where the encoding is not UTF-8, become JSON's escapes:
    the value stays the same.
    """
    text = msgspec.json.encode(value).decode()
    if not text.isascii() and "utf" not in (sys.stdout.encoding or "utf-8").lower():
        text = _BEYOND_ASCII.sub(_escaped, text)
    return (text if text.isprintable() else "".join(map(_printed, text))) + "\n"


def _printed(character: str) -> str:
    return character if character.isprintable() else _escape(character)


def _escaped(found: re.Match[str]) -> str:
    return _escape(found[0])


def _escape(character: str) -> str:
    """A character as JSON's escapes: two, a surrogate pair, beyond the basic plane."""
    units = character.encode("utf-16-be")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))


def printable(text: str) -> str:
    """``text`` without control characters: a stranger's words must not steer the terminal."""
    return "".join(c if c.isprintable() else "?" for c in text)


def line(message: Confidence) -> str:
    """One line a person can read at a glance; a publisher's text has no control characters left in it."""
    at = "--:--" if message.pts is None else f"{int(message.pts) // 60:02d}:{message.pts % 60:04.1f}"
    if message.win is None:
        gauge, figure = "·" * _BAR, "win  –  "
    else:
        filled = round(message.win * _BAR)
        gauge, figure = "█" * filled + "░" * (_BAR - filled), f"win {two_digits(message.win)}"
    old = {} if message.text_age_s is None else {"text": f" ({message.text_age_s:.0f} s old)"}
    parts = [
        f"{name} {'–' if value is None else two_digits(value)}{old.get(name, '')}"
        for name, value in message.branches.items()
    ]
    age = "" if message.age_ms is None else f" · age {message.age_ms:.0f} ms"
    age += "" if message.lag_s is None else f" · lag {message.lag_s:.1f} s"
    reason = f" ({message.reason})" if message.reason else ""
    return printable(
        f"{at} {gauge} {figure} · {message.state}{reason} · window {message.window.keypoints:.0%}"
        f"{age} · {' · '.join(parts)}"
    )
