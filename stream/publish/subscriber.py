"""A subscriber: decodes strictly and drops repetitions."""

import difflib
import time
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Self

from stream.errors import PublishError, UsageError
from stream.publish.inbox import Inbox
from stream.publish.keys import Keys
from stream.publish.messages import TOPICS, Confidence, Message
from stream.publish.wire import decode


class Subscriber:
    """Receives messages of some topics from one endpoint, each once; for one thread; a context manager.

    A confidence whose ``seq`` does not exceed the last one of its run is dropped, and so is a replayed health
    or event that was received before (by its ``time``: they have no ``seq``). ``dropped`` counts them; a new
    run starts from scratch.
    """

    def __init__(
        self,
        endpoint: str,
        topics: Sequence[str] = ("confidence",),
        *,
        conflate: bool = False,
        keys: Keys | None = None,
        server: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``conflate``: keep the newest message only, of one topic. ``server``: public key of an encrypted
        publisher, on whose allow-list ``keys`` are."""
        unknown = [topic for topic in topics if topic not in TOPICS]
        if unknown or not topics:
            raise UsageError(
                f"expected topics of {', '.join(TOPICS)}, found {', '.join(unknown) or 'none'}; "
                f"{_advice(unknown)}"
            )
        self._clock = clock
        self._last: dict[str, tuple[str, int | str]] = {}  # topic → run and seq or time
        self.dropped = 0
        self._inbox = Inbox(endpoint, topics, conflate=conflate, keys=keys, server=server)

    def receive(self, timeout_s: float | None = None) -> tuple[str, Message] | None:
        """The next new message, or None when ``timeout_s`` passes without one.

        MessageError: bytes that are no message of schema 1; the next call continues after them.
        """
        deadline = None if timeout_s is None else self._clock() + timeout_s
        while True:
            left_s = None if deadline is None else deadline - self._clock()
            raw = self._inbox.receive(left_s)
            if raw is None:
                return None
            topic, message = decode(raw)
            if self._is_new(topic, message):
                return topic, message
            self.dropped += 1

    def _is_new(self, topic: str, message: Message) -> bool:
        run, last = self._last.get(topic, ("", None))
        mark: int | str
        if isinstance(message, Confidence):
            mark = message.seq
            seen = run == message.run and isinstance(last, int) and mark <= last
        else:
            mark = message.time
            seen = message.replay and run == message.run and isinstance(last, str) and mark <= last
        if not seen:
            self._last[topic] = (message.run, mark)
        return not seen

    def close(self) -> None:
        self._inbox.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _advice(unknown: Sequence[str]) -> str:
    near = difflib.get_close_matches(unknown[0], TOPICS, 1) if unknown else []
    return f"did you mean {near[0]}?" if near else "choose one of these."


def listen(
    endpoint: str,
    topic: str = "confidence",
    count: int | None = None,
    timeout_s: float | None = None,
    *,
    conflate: bool = False,
    keys: Keys | None = None,
    server: str | None = None,
) -> Iterator[Message]:
    """The messages of one topic as they arrive: ``count`` of them, or without end.

    PublishError: ``timeout_s`` passed without a message.
    """
    with Subscriber(endpoint, (topic,), conflate=conflate, keys=keys, server=server) as subscriber:
        received = 0
        while count is None or received < count:
            received_now = subscriber.receive(timeout_s)
            if received_now is None:
                raise PublishError(
                    f"expected a {topic} message from {endpoint} within {timeout_s:g} s, found none; "
                    "check that `undertone watch` is publishing there"
                    f"{'' if server is None else ' and allows the key that `undertone keys show` prints'}."
                )
            received += 1
            yield received_now[1]
