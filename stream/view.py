"""What ``undertone watch`` shows: one JSON object a message, or one line that moves on a terminal."""

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Self

import msgspec

from stream.contract import Bundle
from stream.wire import Confidence

if TYPE_CHECKING:
    from stream.live import Settings

_BAR = 24


class LineView:
    """Messages to stdout; what is said about the run itself goes to stderr."""

    def __init__(self, *, as_json: bool) -> None:
        self._json = as_json
        self._moves = not as_json and sys.stdout.isatty()
        self._shown = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._moves and self._shown:
            sys.stdout.write("\n")
            sys.stdout.flush()

    def header(self, settings: "Settings", endpoint: str, bundle: Bundle) -> None:
        """One line on what runs, and what the bundle says must be known first."""
        manifest = bundle.manifest
        print(
            f"undertone: {settings.source} → {endpoint} · bundle {manifest.name} · {settings.mode} mode, "
            f"an estimate every {settings.hop} ticks ({settings.hop / manifest.window.rate:.2g} s) · "
            f"{settings.pace} pace · {settings.provider}\n"
            f"undertone: {manifest.provenance.note}",
            file=sys.stderr,
        )

    def show(self, message: Confidence) -> None:
        """Print one message."""
        if self._json:
            sys.stdout.write(msgspec.json.encode(message).decode() + "\n")
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
    parts = [f"{name} {'–' if value is None else f'{value:.2f}'}" for name, value in message.branches.items()]
    age = "" if message.age_ms is None else f" · age {message.age_ms:.0f} ms"
    reason = f" ({message.reason})" if message.reason else ""
    return (
        f"{at} {gauge} {figure} · {message.state}{reason} · window {message.window.keypoints:.0%}"
        f"{age} · {' · '.join(parts)}"
    )
