"""``undertone watch``: checks the options, puts the chain together, runs it."""

import signal
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from stream.branches import modes
from stream.branches.image import ImageEncoder, encoder_from
from stream.bundle import manifest
from stream.bundle.manifest import Bundle
from stream.capture.capture import Capture
from stream.capture.source import Source
from stream.cli.terminal import LineView, say
from stream.describing.live_text import Wishes, live_text
from stream.errors import UsageError
from stream.inference.engine import provider_name
from stream.overlay.recorder import Recorder
from stream.publish.publisher import Publisher
from stream.runtime.analyzer import Analyzer
from stream.runtime.announcer import Settings
from stream.runtime.front_end_choice import Choice
from stream.runtime.session import Session, live_hop
from stream.verify import gate

Pace = Literal["live", "fast"]


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asked for; see ``undertone watch --help``."""

    source: str
    bundle: Path | None = None
    publish: str = "tcp://127.0.0.1:5556"
    mode: str = "auto"
    on_cut: str = "keep"
    pace: str | None = None
    hop: int | None = None
    for_s: float | None = None
    wait: bool = False
    json: bool = False
    overlay: Path | None = None
    wire: str = "json"
    insecure: bool = False
    provider: str = "cpu"
    prior: float | None = None
    threads: int = 2
    timeout_s: float = 10.0
    any_extractor: bool = False
    describe: str | None = None
    describe_model: str | None = None
    every_s: float = 60.0
    names: tuple[str, ...] = ()
    notes: str | None = None
    detector: str = "pose"
    keypoints: str = "holistic"
    detector_model: Path | None = None
    keypoints_model: Path | None = None
    image: Path | None = None


def run(options: Options) -> None:
    """Watch until the source ends, ``for_s`` is over or a signal comes. Raises UndertoneError."""
    source = Source.parse(options.source)
    pace = _pace(source, options)
    if options.wire not in ("json", "msgpack"):
        raise UsageError(f"--wire: expected json or msgpack, found {options.wire!r}; choose one of these.")
    provider_name(options.provider)
    choice = _choice(options)
    bundle = manifest.load(options.bundle or manifest.demo_bundle())
    mode = modes.chosen(bundle, options.mode)
    on_cut = modes.policy(options.on_cut, mode)
    if not options.any_extractor:
        manifest.check_extractor(bundle, choice.extractor)
    gate.require(bundle, options.provider, say, threads=options.threads)
    choice.prove(options.provider, say, threads=options.threads)
    wishes = Wishes(options.describe, options.describe_model, options.every_s, options.notes, options.names)
    text = live_text(wishes, bundle, pace)
    with ExitStack() as stack:
        if text is not None:
            stack.callback(text.close)
        publisher = stack.enter_context(
            Publisher(
                options.publish,
                wire="msgpack" if options.wire == "msgpack" else "json",
                insecure=options.insecure,
            )
        )
        analyzer = Analyzer(
            bundle,
            choice.build(provider=options.provider, threads=options.threads),
            mode=mode,
            on_cut=on_cut,
            provider=options.provider,
            prior=options.prior,
            encoder=_encoder(bundle, options),
        )
        recorder = (
            Recorder(options.overlay, pace, bundle.manifest.provenance.note) if options.overlay else None
        )
        if recorder is not None:
            stack.callback(recorder.close)
        view = stack.enter_context(LineView(as_json=options.json, typing=options.notes == "-"))
        session = Session(
            Settings(
                source=source.name,
                pace=pace,
                hop=_hop(analyzer, bundle, pace, options),
                mode=mode,
                provider=options.provider.upper(),
                for_s=options.for_s,
                wait=options.wait,
            ),
            analyzer,
            lambda: Capture(
                source, pace=pace, open_timeout_s=options.timeout_s, read_timeout_s=options.timeout_s
            ),
            publisher,
            recorder=recorder,
            text=text,
            on_message=view.show,
            on_event=view.tell,
        )
        view.header(session.settings, publisher.endpoint, bundle, text.notice if text else None)
        if text is not None:
            text.start()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: session.stop())
        session.run()


def _choice(options: Options) -> Choice:
    return Choice(
        options.detector, options.keypoints, options.detector_model, options.keypoints_model, options.image
    )


def _encoder(bundle: Bundle, options: Options) -> ImageEncoder | None:
    if options.image is None:
        return None
    return encoder_from(options.image, bundle, any_extractor=options.any_extractor, provider=options.provider)


def _pace(source: Source, options: Options) -> Pace:
    if options.pace not in (None, "live", "fast"):
        raise UsageError(f"--pace: expected live or fast, found {options.pace!r}; choose one of these.")
    if options.pace == "fast" and source.live and source.kind != "pattern":
        raise UsageError(
            f"--pace: expected live for {source.name}, found fast; "
            "a live source does not wait, leave the option out."
        )
    if options.pace is None:
        return "live" if source.live or source.kind == "demo" else "fast"
    return "fast" if options.pace == "fast" else "live"


def _hop(analyzer: Analyzer, bundle: Bundle, pace: Pace, options: Options) -> int:
    """What was asked for; else the manifest's, at live pace raised to what this machine keeps up with."""
    if options.hop is not None:
        return options.hop
    hop = bundle.manifest.modes[analyzer.mode].hop
    return hop if pace == "fast" else live_hop(hop, analyzer.update_cost_s(), bundle.manifest.window.rate)
