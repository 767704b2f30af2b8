"""Reads hidden emotion from live video: a running, calibrated win/loss confidence. Never imports torch.

Loop over a source::

    from stream import watch

    for message in watch("rtsp://camera/press"):
        print(message.time, message.state, message.win)

or bring frames of your own to an `Analyzer`. Everything that is not named in ``__all__`` may change.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # names for type checkers; at run time each is imported when it is first used
    from stream.bundle.load import Bundle
    from stream.errors import UndertoneError
    from stream.publish.messages import Confidence, Event, Health
    from stream.records import Estimate, Frame, Observation
    from stream.runtime.analyzer import Analyzer
    from stream.runtime.watching import watch

__version__ = "0.1.0"

# ONNX Runtime reports usage to its maker unless this is set before its first import. Every part of the
# product imports this package first, and child processes inherit the environment.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

_HOMES = {
    "Analyzer": "stream.runtime.analyzer",
    "Bundle": "stream.bundle.load",
    "Confidence": "stream.publish.messages",
    "Estimate": "stream.records",
    "Event": "stream.publish.messages",
    "Frame": "stream.records",
    "Health": "stream.publish.messages",
    "Observation": "stream.records",
    "UndertoneError": "stream.errors",
    "watch": "stream.runtime.watching",
}

__all__ = [
    "Analyzer",
    "Bundle",
    "Confidence",
    "Estimate",
    "Event",
    "Frame",
    "Health",
    "Observation",
    "UndertoneError",
    "watch",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'stream' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
