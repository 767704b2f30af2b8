"""``undertone watch``: checks the options, puts the chain together, runs it."""

import os
import signal
from contextlib import ExitStack
from pathlib import Path

from stream.branches import modes
from stream.branches.image import ImageEncoder, encoder_from
from stream.bundle.load import Bundle, check_extractor, demo_bundle
from stream.capture.capture import Capture
from stream.capture.redact import hide_addresses
from stream.capture.source import Source
from stream.cli.model_sets import ensure
from stream.cli.options import OutputOptions, PublishOptions, WatchOptions
from stream.cli.sources import resolve
from stream.cli.terminal import LineView, say
from stream.describing.live_text import LiveText, live_text
from stream.errors import UsageError
from stream.inference.engine import provider_name
from stream.overlay.recorder import Recorder
from stream.publish.endpoint import reaches_others
from stream.publish.keys import Keys, default_folder, load
from stream.publish.publisher import Publisher
from stream.publish.wire import Wire
from stream.runtime.analyzer import Analyzer
from stream.runtime.announcer import Settings
from stream.runtime.front_end_choice import chosen
from stream.runtime.pace import hop_of, pace_of
from stream.runtime.session import Session
from stream.verify import gate

SOURCE_VARIABLE = "UNDERTONE_SOURCE"


def run(options: WatchOptions) -> None:
    """Watch until the source ends, ``for_s`` is over or a signal comes. Raises UndertoneError."""
    source = _source(options)
    pace, wire = pace_of(source, options.playback.pace), _wire(options.publish.wire)
    overlay, keys = _overlay(options.output), _keys(options.publish)
    model = options.model
    provider_name(model.provider)
    choice = chosen(options.front_end)
    bundle = Bundle.load(model.bundle or demo_bundle())
    mode = modes.choose(bundle, model.mode)
    on_cut = modes.cut_policy(model.on_cut, mode)
    if not model.any_extractor:
        check_extractor(bundle, choice.extractor)
    text = live_text(options.text, bundle, pace)
    with ExitStack() as stack:
        if text is not None:
            stack.callback(text.close)
        gate.require(bundle, model.provider, say, threads=model.threads)
        choice.prove(model.provider, say, threads=model.threads)
        ensure(choice, say, yes=model.yes)
        publisher = stack.enter_context(
            Publisher(options.publish.publish, wire=wire, insecure=options.publish.insecure, keys=keys)
        )
        analyzer = Analyzer(
            bundle,
            choice.build(provider=model.provider, threads=model.threads),
            mode=mode,
            on_cut=on_cut,
            provider=model.provider,
            prior=model.prior,
            encoder=_encoder(bundle, options),
        )
        settings = Settings(
            source=source.name,
            pace=pace,
            hop=hop_of(analyzer, pace, model.hop),
            mode=mode,
            provider=model.provider.upper(),
            for_s=options.playback.for_s,
            wait=options.playback.wait,
            live=source.live and source.kind != "pattern",
            give_up_s=options.playback.give_up_s,
        )
        recorder = None
        if overlay is not None:
            minutes = options.output.overlay_minutes
            recorder = Recorder(overlay, pace, bundle.manifest.provenance.note, minutes=minutes)
        if recorder is not None:
            stack.callback(recorder.close)
        _play(options, settings, source, analyzer, publisher, recorder, text)


def _play(
    options: WatchOptions,
    settings: Settings,
    source: Source,
    analyzer: Analyzer,
    publisher: Publisher,
    recorder: Recorder | None,
    text: LiveText | None,
) -> None:
    """Run one session, shown on the standard streams."""
    timeout_s, fast = options.playback.timeout_s, settings.pace == "fast"
    captures: list[Capture] = []  # the newest last

    def capture() -> Capture:
        captures[:] = [
            Capture(
                source,
                pace=settings.pace,
                open_timeout_s=timeout_s,
                read_timeout_s=timeout_s,
                stream=options.playback.stream,
            )
        ]
        return captures[0]

    def duration_s() -> float | None:
        info = captures[0].info if captures else None
        return None if info is None else info.duration_s

    with LineView(
        as_json=options.output.json,
        typing=options.text.notes == "-",
        lossless=fast,
        on_closed=lambda: session.stop(),
    ) as view:
        session = Session(
            settings,
            analyzer,
            capture,
            publisher,
            recorder=recorder,
            text=text,
            on_message=view.show,
            on_event=view.tell,
        )
        view.measure(duration_s, fast=fast)
        if publisher.encrypted:
            view.note("encrypted: the keys on the allow-list may subscribe")
        view.header(settings, publisher.endpoint, analyzer.bundle, text.notice if text else None)
        if text is not None:
            text.start()
        _stop_on_signals(session, view)
        session.run()


def _stop_on_signals(session: Session, view: LineView) -> None:
    """The first SIGINT or SIGTERM ends the run in order; the second does what it always does."""
    numbers = (signal.SIGINT, signal.SIGTERM)

    def stop(number: int, frame: object) -> None:
        for each in numbers:
            signal.signal(each, signal.SIG_DFL)
        view.release()
        session.stop()

    for each in numbers:
        signal.signal(each, stop)


def _source(options: WatchOptions) -> Source:
    playback, texts = options.playback, list(options.sources or ())
    if playback.source_file is not None:
        texts.append(_first_line(playback.source_file))
    elif not texts and os.environ.get(SOURCE_VARIABLE):
        texts.append(os.environ[SOURCE_VARIABLE])
    if not texts:
        raise UsageError(
            f"expected a source, found none; give one, or --source-file, or set {SOURCE_VARIABLE}."
        )
    if len(texts) != 1:
        shown = ", ".join(repr(hide_addresses(text)) for text in texts)
        raise UsageError(
            f"expected one source, found {len(texts)} ({shown}); "
            "start `undertone watch` once for each, each with a --publish of its own."
        )
    return Source.parse(
        resolve(texts[0]), name=playback.source_name, show_url=playback.show_url, access=options.access
    )


def _first_line(path: Path) -> str:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "no text"
        raise UsageError(
            f"--source-file {path}: expected a text file with the source in its first line, found {reason}; "
            "correct the path."
        ) from error
    if not lines or not lines[0].strip():
        raise UsageError(
            f"--source-file {path}: expected the source in its first line, found none; write it there."
        )
    return lines[0].strip()


def _encoder(bundle: Bundle, options: WatchOptions) -> ImageEncoder | None:
    image, model = options.front_end.image, options.model
    if image is None:
        return None
    given = options.front_end.encoding
    return encoder_from(image, bundle, given, any_extractor=model.any_extractor, provider=model.provider)


def _wire(name: str) -> Wire:
    if name not in ("json", "msgpack"):
        raise UsageError(f"--wire: expected json or msgpack, found {name!r}; choose one of these.")
    return "msgpack" if name == "msgpack" else "json"


def _keys(options: PublishOptions) -> Keys | None:
    """Those of the folder that was named; beyond this machine the user's own, if there are any."""
    if options.keys is not None:
        return load(options.keys)
    if options.insecure or not reaches_others(options.publish):
        return None
    own = default_folder()
    return load(own) if (own / "key").exists() else None


def _overlay(options: OutputOptions) -> Path | None:
    path = options.overlay
    if path is None and options.overlay_minutes is not None:
        raise UsageError(
            "--overlay-minutes: expected it beside --overlay, found it alone; add --overlay FILE."
        )
    if path is not None and path.suffix.lower() != ".mp4":
        raise UsageError(
            f"--overlay {path}: expected a name that ends in .mp4, found {path.suffix or 'no ending'}; "
            "the overlay is an MP4 file, choose such a name."
        )
    return path
