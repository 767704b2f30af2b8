"""From a record of options to the parameters of a Typer command, with help texts and limits.

``takes(record)`` turns ``command(options: record)`` into the flat function that Typer wants; each group of
options is shown under its own title in ``--help``.
"""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import MISSING, fields, is_dataclass
from typing import Annotated, Any, TypeVar, get_type_hints

import typer

from stream.branches.options import ImageOptions
from stream.capture.options import AccessOptions
from stream.cli.options import (
    InspectOptions,
    ListenOptions,
    ModelOptions,
    OutputOptions,
    PlaybackOptions,
    PublishOptions,
    WatchOptions,
)
from stream.describing.options import TextOptions
from stream.frontend.options import FrontEndOptions

T = TypeVar("T")
# Record → title in --help (None: with the general options), and what Typer needs beside the field itself.
# "flag" is the option's name where it is not the field's.
Help = dict[type, tuple[str | None, dict[str, dict[str, Any]]]]

SOURCE = "File, rtsp(s)://, rtmp(s)://, http(s)://, /dev/videoN, N, webcam, demo (built-in clip) or pattern."
_TIMEOUT = {"min": 0.1, "help": "Seconds of silence after which a source is given up."}
_THREADS = {"min": 1, "help": "Threads of the keypoint networks."}
_JSON = {"help": "One JSON object per line on stdout."}
_YES = {"help": "Fetch missing keypoint networks (19 MB) without asking."}
_MODEL = "Its ONNX file; see `undertone-export frontends`."

HELP: Help = {
    WatchOptions: (None, {"sources": {"argument": "SOURCE", "help": SOURCE}}),
    PlaybackOptions: (
        "Source",
        {
            "pace": {"help": "live (newest frame wins) or fast (nothing lost; default for files)."},
            "for_s": {"min": 0.0, "help": "Stop after this many wall-clock seconds."},
            "wait": {"help": "Wait for a source that is not there yet."},
            "timeout_s": {
                "min": 0.1,
                "help": "Seconds of silence after which a source is opened again (a file: given up).",
            },
            "give_up_s": {
                "min": 0.1,
                "help": "Give a live source up after so many seconds without a frame. Default: never.",
            },
            "stream": {
                "min": 0,
                "help": "Place among its video streams. Default: the default one, else the largest.",
            },
            "source_file": {
                "help": "Read the source from the first line of this file: it may hold a password. The "
                "environment variable UNDERTONE_SOURCE does the same."
            },
            "source_name": {"help": "Show this name instead of the address, in messages too."},
            "show_url": {"help": "Show the whole address (credentials removed) instead of host and hash."},
        },
    ),
    AccessOptions: (
        "Source",
        {
            "allow_hosts": {
                "flag": "--allow-host",
                "metavar": "HOST[:PORT]",
                "help": "A private host that playlists and redirects of an http source may lead to. May be "
                "repeated.",
            },
            "follow": {
                "help": "Go on reading a file that is still written (MPEG-TS, fragmented MP4); it has ended "
                "once it did not grow for --timeout seconds.",
            },
            "max_lag_s": {
                "min": 1.0,
                "help": "Let an HLS source fall this far behind its live edge, then return to it. Default: "
                "five of its target durations.",
            },
            "rtsp_transport": {"help": "tcp, udp or auto: tcp, and udp where the camera has no tcp."},
        },
    ),
    ModelOptions: (
        "Model",
        {
            "bundle": {"help": "Bundle directory. Default: the built-in demo bundle."},
            "mode": {
                "help": "ring (incremental), full (recompute the window) or auto: ring where there is one."
            },
            "on_cut": {
                "help": "What to do with history after a cut or a change of person: keep, reset or decay "
                "(ring only: it counts a quarter)."
            },
            "hop": {"min": 1, "help": "Ticks between estimates. Default: the bundle's."},
            "provider": {"help": "cpu, cuda or tensorrt; never a silent CPU fallback."},
            "prior": {"min": 0.001, "max": 0.999, "help": "Prior of win. Default: the bundle's."},
            "threads": _THREADS,
            "any_extractor": {"help": "Run a bundle trained on another keypoint or image extractor."},
            "yes": _YES,
        },
    ),
    OutputOptions: (
        "Output",
        {
            "json": _JSON,
            "overlay": {"help": "Draw portrait, points and confidence curve into this MP4 file."},
            "overlay_minutes": {
                "min": 0.1,
                "help": "Start a new file after this many minutes: NAME-0001.mp4, NAME-0002.mp4 and so on.",
            },
        },
    ),
    PublishOptions: (
        "Publishing",
        {
            "publish": {"help": "ZeroMQ endpoint to bind: tcp://127.0.0.1:PORT or ipc:///FOLDER/NAME."},
            "wire": {"help": "Payload of the messages: json or msgpack."},
            "insecure": {"help": "Allow an endpoint beyond this machine, unencrypted."},
            "keys": {
                "help": "Encrypt with the keys of this folder. Default beyond this machine: those of "
                "`undertone keys new`."
            },
        },
    ),
    FrontEndOptions: (
        "Front end",
        {
            "detector": {"help": "Person detector: pose (embedded) or yolo."},
            "detector_model": {"help": _MODEL},
            "keypoints": {"help": "Keypoint network: holistic (embedded) or wholebody."},
            "keypoints_model": {"help": _MODEL},
            "image": {"help": "Image encoder (ONNX with its card) in place of the bundle's."},
        },
    ),
    ImageOptions: (
        "An --image without a card",
        {
            "image_size": {"min": 1, "help": "Pixels of the square portrait that it takes."},
            "image_mean": {"help": "Of red, green and blue in 0..1; by default ImageNet's."},
            "image_std": {"help": "Standard deviations, likewise."},
            "image_layout": {"help": "nchw or nhwc."},
        },
    ),
    TextOptions: (
        "Descriptions",
        {
            "describe": {
                "help": "gemini: ask it about the last minute. Sends pictures away, no sound; needs "
                "GOOGLE_API_KEY or GEMINI_API_KEY."
            },
            "model": {"flag": "--describe-model", "help": "Model to ask. Default: the labeller's."},
            "every_s": {"min": 10.0, "help": "Seconds between two requests."},
            "notes": {
                "help": "Descriptions typed by a person, one a line: a file that is followed, or - for "
                "standard input. A single dash withdraws them."
            },
            "names": {
                "flag": "--name",
                "help": "A name of the player, kept out of the descriptions. May be repeated.",
            },
        },
    ),
    InspectOptions: (
        None,
        {
            "source": {"argument": "SOURCE", "help": SOURCE},
            "at_s": {"min": 0.0, "help": "Seconds into the source."},
            "json": _JSON,
            "out": {"help": "Draw portrait and points into this PNG file."},
            "threads": _THREADS,
            "timeout_s": _TIMEOUT,
            "yes": _YES,
        },
    ),
    ListenOptions: (
        None,
        {
            "endpoint": {"argument": "ENDPOINT", "help": "Endpoint that `undertone watch` publishes on."},
            "topic": {"help": "confidence, health or event."},
            "json": _JSON,
            "count": {"min": 1, "help": "Stop after this many messages."},
            "timeout_s": {"min": 0.0, "help": "Give up after this many seconds without a message."},
            "conflate": {"help": "Skip to the newest message when this reader is slower than the publisher."},
            "server_key": {
                "help": "Public key of an encrypted publisher: what `undertone keys show` prints there."
            },
            "keys": {"help": "Folder of the own keys. Default: those of `undertone keys new`."},
        },
    ),
}


def takes(record: type[T], texts: Help = HELP) -> Callable[[Callable[[T], None]], Callable[..., None]]:
    """Decorator: one parameter for every field of ``record`` and of its groups, with help from ``texts``."""

    def flatten(command: Callable[[T], None]) -> Callable[..., None]:
        def flat(**given: Any) -> None:
            command(_built(record, given))

        parameters = list(_parameters(record, texts))
        flat.__name__, flat.__doc__ = command.__name__, command.__doc__
        flat.__annotations__ = {each.name: each.annotation for each in parameters}
        flat.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        return flat

    return flatten


def _parameters(record: type, texts: Help) -> Iterator[inspect.Parameter]:
    panel, about = texts[record]
    hints = get_type_hints(record)
    for each in fields(record):
        kind = hints[each.name]
        if is_dataclass(kind):
            yield from _parameters(kind, texts)  # type: ignore[arg-type]
            continue
        if kind == tuple[str, ...]:  # Typer knows lists
            kind, default = list[str], None
        else:
            default = each.default
        shown = dict(about[each.name])
        argument, flag = shown.pop("argument", None), shown.pop("flag", _flag(each.name))
        shown |= {"show_default": default not in (None, MISSING, False)}
        info = (
            typer.Argument(metavar=argument, **shown)
            if argument
            else typer.Option(flag, rich_help_panel=panel, **shown)
        )
        yield inspect.Parameter(
            each.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if default is MISSING else default,
            annotation=Annotated[kind, info],
        )


def _flag(name: str) -> str:
    """``timeout_s`` → ``--timeout``: on the command line all times are seconds."""
    return "--" + name.removesuffix("_s").replace("_", "-")


def _built(record: type[T], given: dict[str, Any]) -> T:
    """The record, with each field from the parameter of that name."""
    hints = get_type_hints(record)
    values: dict[str, Any] = {}
    for each in fields(record):  # type: ignore[arg-type]
        kind = hints[each.name]
        if is_dataclass(kind):
            values[each.name] = _built(kind, given)  # type: ignore[arg-type]
        elif kind == tuple[str, ...]:
            values[each.name] = tuple(given[each.name] or ())
        else:
            values[each.name] = given[each.name]
    return record(**values)
