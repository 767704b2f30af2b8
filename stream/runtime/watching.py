"""``stream.watch``: a source as a loop over its confidence messages."""

import queue
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack
from pathlib import Path

from stream.bundle.load import Bundle, check_extractor
from stream.capture.capture import Capture
from stream.capture.options import AccessOptions
from stream.capture.source import Source
from stream.frontend.mediapipe import embedded
from stream.inference.engine import provider_name
from stream.publish.publisher import Publisher
from stream.publish.wire import Confidence, Message
from stream.runtime.analyzer import Analyzer
from stream.runtime.announcer import Outlet, Settings
from stream.runtime.pace import hop_of, pace_of
from stream.runtime.session import Session
from stream.verify import gate

WAITING = 16  # messages that may wait for the loop at live pace; then the oldest is dropped


def watch(
    source: str,
    *,
    bundle: Bundle | str | Path | None = None,
    mode: str = "auto",
    on_cut: str = "keep",
    pace: str | None = None,
    hop: int | None = None,
    provider: str = "cpu",
    prior: float | None = None,
    threads: int = 2,
    for_s: float | None = None,
    wait: bool = False,
    timeout_s: float = 10.0,
    give_up_s: float | None = None,
    publish: str | None = None,
    allow_hosts: Sequence[str] = (),
) -> Generator[Confidence, None, None]:
    """The running confidence of a source, message by message. ::

        for message in watch("rtsp://camera/press"):
            print(message.time, message.state, message.win)

    Leaving the loop, or ``close()``, stops the stream and ends its threads and its decoder. At live pace a
    loop that is slow misses the oldest messages; at ``fast`` pace the stream waits for the loop. The options
    are those of ``undertone watch``; ``publish`` names a ZeroMQ endpoint to publish on as well.

    Raises UndertoneError at once for a source, bundle or option that cannot be used, and from the loop,
    after the last message, when the source breaks.
    """
    parsed = Source.parse(source, access=AccessOptions(allow_hosts=tuple(allow_hosts)))
    chosen = pace_of(parsed, pace)
    provider_name(provider)
    loaded = (
        bundle if isinstance(bundle, Bundle) else Bundle.demo() if bundle is None else Bundle.load(bundle)
    )
    check_extractor(loaded, embedded.EXTRACTOR)
    gate.require(loaded, provider, lambda _: None, threads=threads)
    analyzer = Analyzer(
        loaded, embedded.from_cache(threads), mode=mode, on_cut=on_cut, provider=provider, prior=prior
    )
    settings = Settings(
        source=parsed.name,
        pace=chosen,
        hop=hop_of(analyzer, chosen, hop),
        mode=analyzer.mode,
        provider=provider.upper(),
        for_s=for_s,
        wait=wait,
        live=parsed.live and parsed.kind != "pattern",
        give_up_s=give_up_s,
    )

    def capture() -> Capture:
        return Capture(parsed, pace=chosen, open_timeout_s=timeout_s, read_timeout_s=timeout_s)

    return _messages(settings, analyzer, capture, publish)


class _Nowhere:
    """An outlet for a stream that is only looped over."""

    def publish(self, message: Message) -> None:
        """Nobody subscribes."""


def _messages(
    settings: Settings, analyzer: Analyzer, capture: Callable[[], Capture], publish: str | None
) -> Generator[Confidence, None, None]:
    with ExitStack() as stack:
        outlet = stack.enter_context(Publisher(publish)) if publish else _Nowhere()
        running = _Running(settings, analyzer, capture, outlet)
        stack.callback(running.close)
        running.start()
        while (message := running.next()) is not None:
            yield message
    running.raise_failure()


class _Running:
    """A session in a thread of its own, and the messages on their way to the loop."""

    def __init__(
        self, settings: Settings, analyzer: Analyzer, capture: Callable[[], Capture], outlet: Outlet
    ) -> None:
        self._waits = settings.pace == "fast"
        self._queue: queue.Queue[Confidence | None] = queue.Queue(1 if self._waits else WAITING)
        self._closing = threading.Event()
        self._failure: BaseException | None = None
        self._session = Session(settings, analyzer, capture, outlet, on_message=self._put)
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def _run(self) -> None:
        try:
            self._session.run()
        except BaseException as error:
            self._failure = error
        self._put(None)

    def _put(self, message: Confidence | None) -> None:
        """Called by the session: the loop's next message, or None for the end."""
        while not self._closing.is_set():
            try:
                self._queue.put(message, timeout=0.1)
            except queue.Full:
                if not self._waits and message is not None:
                    self._drop_oldest()
            else:
                return

    def _drop_oldest(self) -> None:
        try:
            self._queue.get_nowait()
        except queue.Empty:
            return

    def next(self) -> Confidence | None:
        return self._queue.get()

    def close(self) -> None:
        self._closing.set()
        self._session.stop()
        self._thread.join()

    def raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure
