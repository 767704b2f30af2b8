"""The options of the commands: names, types and defaults are fields of records, and Typer reads them there.

A field that is itself a record is a group of options. Help texts and limits are in ``parameters``.
"""

from dataclasses import dataclass, field
from pathlib import Path

from stream.capture.options import AccessOptions
from stream.describing.options import TextOptions
from stream.frontend.options import FrontEndOptions
from stream.publish.endpoint import DEFAULT_ENDPOINT


@dataclass(frozen=True, slots=True)
class PlaybackOptions:
    """How the source is read."""

    pace: str | None = None  # live or fast; None: by the kind of source
    for_s: float | None = None  # wall-clock seconds
    wait: bool = False
    timeout_s: float = 10.0
    give_up_s: float | None = None  # seconds without a frame; None: never
    stream: int | None = None  # place among the video streams; None: the default one, else the largest
    source_file: Path | None = None  # its first line is the source
    source_name: str | None = None  # shown instead of the address
    show_url: bool = False


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """Which model runs, where and how often."""

    bundle: Path | None = None  # None: the demo bundle
    mode: str = "auto"
    on_cut: str = "keep"
    hop: int | None = None  # ticks; None: the bundle's
    provider: str = "cpu"
    prior: float | None = None  # of win; None: the bundle's
    threads: int = 2  # of the keypoint networks
    any_extractor: bool = False
    yes: bool = False  # fetch missing keypoint networks without asking


@dataclass(frozen=True, slots=True)
class OutputOptions:
    """What is shown and written beside the messages."""

    json: bool = False
    overlay: Path | None = None
    overlay_minutes: float | None = None  # of media time in each file; None: one file


@dataclass(frozen=True, slots=True)
class PublishOptions:
    """Where the messages go."""

    publish: str = DEFAULT_ENDPOINT
    wire: str = "json"
    insecure: bool = False
    keys: Path | None = None  # None: the user's own folder, for an endpoint beyond this machine


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """The options of ``undertone watch``."""

    sources: list[str] | None = None
    playback: PlaybackOptions = field(default_factory=PlaybackOptions)
    access: AccessOptions = field(default_factory=AccessOptions)
    model: ModelOptions = field(default_factory=ModelOptions)
    output: OutputOptions = field(default_factory=OutputOptions)
    publish: PublishOptions = field(default_factory=PublishOptions)
    front_end: FrontEndOptions = field(default_factory=FrontEndOptions)
    text: TextOptions = field(default_factory=TextOptions)


@dataclass(frozen=True, slots=True)
class InspectOptions:
    """The options of ``undertone inspect``."""

    source: str
    at_s: float = 0.0  # into the source
    json: bool = False
    out: Path | None = None
    threads: int = 2
    timeout_s: float = 10.0
    yes: bool = False
    access: AccessOptions = field(default_factory=AccessOptions)
    front_end: FrontEndOptions = field(default_factory=FrontEndOptions)


@dataclass(frozen=True, slots=True)
class ListenOptions:
    """The options of ``undertone listen``."""

    endpoint: str = DEFAULT_ENDPOINT
    topic: str = "confidence"
    json: bool = False
    count: int | None = None
    timeout_s: float | None = None  # without a message
    conflate: bool = False
    server_key: str | None = None
    keys: Path | None = None  # None: the user's own folder
