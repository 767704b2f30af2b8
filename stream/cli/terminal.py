"""What ``undertone watch`` shows: one JSON object a message, or one line that moves on a terminal."""

import shutil
import sys
from types import TracebackType
from typing import TYPE_CHECKING, Self

import msgspec

from stream.bundle.manifest import Bundle
from stream.publish.wire import Confidence, Event

if TYPE_CHECKING:
    from stream.runtime.announcer import Settings

_BAR = 24


def say(what: str) -> None:
    """One line on stderr."""
    print(f"undertone: {what}", file=sys.stderr, flush=True)


class LineView:
    """Messages to stdout; what is said about the run itself goes to stderr."""

    def __init__(self, *, as_json: bool, typing: bool = False) -> None:
        """``typing``: somebody types on this terminal; the line under the moving one is theirs."""
        self._json = as_json
        self._moves = not as_json and sys.stdout.isatty()
        self._typing = typing and self._moves and sys.stdin is not None and sys.stdin.isatty()
        self._shown = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._moves and self._shown:
            sys.stdout.write("\n")
            sys.stdout.flush()

    def header(self, settings: "Settings", endpoint: str, bundle: Bundle, notice: str | None = None) -> None:
        """One line on what runs, and what must be known first: the bundle's note, and ``notice``."""
        manifest = bundle.manifest
        print(
            f"undertone: {settings.source} → {endpoint} · bundle {manifest.name} · {settings.mode} mode, "
            f"an estimate every {settings.hop} ticks ({settings.hop / manifest.window.rate:.2g} s) · "
            f"{settings.pace} pace · {settings.provider}\n"
            f"undertone: {manifest.provenance.note}",
            file=sys.stderr,
        )
        if notice is not None:
            say(notice)
        if self._typing:
            print("undertone: type descriptions below, a line each\n", file=sys.stderr)

    def tell(self, event: Event) -> None:
        """One line on stderr when a labeller gets into trouble, and one when it is out."""
        if event.event != "describing":
            return
        name, state = event.detail["provider"], event.detail["to"]
        reason = f" ({event.detail['reason']})" if "reason" in event.detail else ""
        clear = "\r\x1b[2K" if self._moves and sys.stderr.isatty() else ""
        print(f"{clear}undertone: describing by {name}: {state}{reason}", file=sys.stderr, flush=True)

    def show(self, message: Confidence) -> None:
        """Print one message."""
        if self._json:
            sys.stdout.write(msgspec.json.encode(message).decode() + "\n")
        elif self._typing:
            narrow = line(message)[: shutil.get_terminal_size().columns - 1]
            sys.stdout.write(f"\x1b7\x1b[A\r\x1b[2K{narrow}\x1b8")  # one line up and back to where they type
        elif self._moves:
            sys.stdout.write("\r\x1b[2K" + line(message))
        else:
            sys.stdout.write(line(message) + "\n")
        sys.stdout.flush()
        self._shown = True


def line(message: Confidence) -> str:
    """One line a person can read at a glance."""
    at = "--:--" if message.pts is None else f"{int(message.pts) // 60:02d}:{message.pts % 60:04.1f}"
    if message.win is None:
        gauge, figure = "·" * _BAR, "win  –  "
    else:
        filled = round(message.win * _BAR)
        gauge, figure = "█" * filled + "░" * (_BAR - filled), f"win {message.win:.2f}"
    old = {} if message.text_age_s is None else {"text": f" ({message.text_age_s:.0f} s old)"}
    parts = [
        f"{name} {'–' if value is None else f'{value:.2f}'}{old.get(name, '')}"
        for name, value in message.branches.items()
    ]
    age = "" if message.age_ms is None else f" · age {message.age_ms:.0f} ms"
    reason = f" ({message.reason})" if message.reason else ""
    return (
        f"{at} {gauge} {figure} · {message.state}{reason} · window {message.window.keypoints:.0%}"
        f"{age} · {' · '.join(parts)}"
    )
