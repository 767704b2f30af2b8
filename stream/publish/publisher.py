"""Sockets: the publisher that replays the last value, and the inbox behind ``undertone listen``.

One thread owns the XPUB socket. ``publish`` encodes, queues and wakes that thread; it never waits. A
subscriber that stops reading loses messages once its buffers are full and delays nobody. XPUB_VERBOSE shows
every subscription, so a late subscriber gets the last value of each topic at once; the repetition also
reaches those who have it already, hence its mark and its unchanged seq.
"""

import errno
import math
import os
import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import zmq

from stream.errors import MessageError, PublishError
from stream.publish.endpoint import bindable, refused, socket_file
from stream.publish.messages import Message
from stream.publish.wire import Wire, as_replay, encode, topic_of

QUEUE = 1024  # messages between publish() and the socket; the oldest gives way
HIGH_WATER = 1000  # messages buffered for one subscriber
LARGEST_MESSAGE = 1 << 20  # bytes a subscriber accepts
LARGEST_SUBSCRIPTION = 4096  # bytes the publisher accepts
LINGER_MS = 250  # at close, for the last words; a stalled subscriber delays the exit by no more
HEARTBEAT_MS = 5000
HEARTBEAT_TIMEOUT_MS = 15000


@dataclass(frozen=True, slots=True)
class PublisherCounts:
    """Since the start: handed to the socket, displaced in the queue, repeated for late subscribers."""

    sent: int
    dropped: int
    replayed: int


class Publisher:
    """Publishes messages on one endpoint until closed; a context manager, bound when constructed.

    ``tcp://127.0.0.1:*`` (or port 0) takes a free port; ``endpoint`` tells which. Raises PublishError when
    the endpoint is malformed, taken, or reachable from other machines without ``insecure``.
    """

    def __init__(self, endpoint: str, *, wire: Wire = "json", insecure: bool = False) -> None:
        address = bindable(endpoint, insecure=insecure)
        self._wire: Wire = wire
        self._lock = threading.Lock()
        self._queue: deque[tuple[str, bytes]] = deque(maxlen=QUEUE)
        self._sent = self._dropped = self._replayed = 0
        self._closing = False
        self._failure: Exception | None = None
        self._bound = threading.Event()
        self._woken, self._wake = os.pipe()  # holds at most one byte: _signalled
        self._signalled = False
        self.endpoint = endpoint
        self._thread = threading.Thread(target=self._own, args=(address,), name="publisher", daemon=True)
        self._thread.start()
        self._bound.wait()
        try:
            self._check()
        except PublishError:
            self._release()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def publish(self, message: Message) -> None:
        """Queues a message, never waits.

        MessageError: it breaks the schema. PublishError: the publisher is closed or its socket failed.
        """
        topic, raw = topic_of(message), encode(message, self._wire)
        with self._lock:
            self._check()
            if self._closing:
                raise PublishError(
                    f"expected an open publisher, found {self.endpoint} closed; open a new one"
                )
            self._dropped += len(self._queue) == QUEUE
            self._queue.append((topic, raw))
            self._signal()

    def counts(self) -> PublisherCounts:
        with self._lock:
            return PublisherCounts(self._sent, self._dropped, self._replayed)

    def close(self) -> None:
        """Sends what is queued, then unbinds; may be called twice."""
        with self._lock:
            if self._closing:
                return
            self._closing = True
            self._signal()
        self._release()

    def _check(self) -> None:
        if self._failure is not None:
            raise refused(self.endpoint, self._failure) from self._failure

    def _signal(self) -> None:
        if not self._signalled:
            self._signalled = True
            os.write(self._wake, b"\0")

    def _release(self) -> None:
        self._closing = True
        self._thread.join()
        os.close(self._woken)
        os.close(self._wake)

    def _own(self, address: str) -> None:
        """The thread: every use of the socket is in here."""
        # inproc reaches only its own context; elsewhere a private one lets term() wait for the last words
        shared = address.startswith("inproc:")
        context = zmq.Context.instance() if shared else zmq.Context()
        sock = context.socket(zmq.XPUB)
        file: tuple[str, int] | None = None
        try:
            sock.setsockopt(zmq.XPUB_VERBOSE, 1)
            sock.setsockopt(zmq.SNDHWM, HIGH_WATER)
            sock.setsockopt(zmq.MAXMSGSIZE, LARGEST_SUBSCRIPTION)
            _common(sock, address)
            sock.bind(address)
            self.endpoint = sock.getsockopt_string(zmq.LAST_ENDPOINT)
            file = socket_file(self.endpoint)
            self._bound.set()
            self._serve(sock)
        except (zmq.ZMQError, OSError) as error:
            with self._lock:
                self._failure = error
        finally:
            sock.close(LINGER_MS)
            if not shared:
                context.term()
            if file is not None and socket_file(self.endpoint) == file:  # libzmq leaves it behind
                os.unlink(file[0])
            self._bound.set()

    def _serve(self, sock: "zmq.Socket[bytes]") -> None:
        last: dict[str, bytes] = {}
        poller = zmq.Poller()
        poller.register(sock, zmq.POLLIN)
        poller.register(self._woken, zmq.POLLIN)
        while True:
            ready = dict(poller.poll())
            if sock in ready:
                self._replay(sock, last)
            if self._woken not in ready:
                continue
            with self._lock:
                os.read(self._woken, 1)
                self._signalled = False
                batch, closing = list(self._queue), self._closing
                self._queue.clear()
            for topic, raw in batch:
                last[topic] = raw
                sock.send(raw, zmq.NOBLOCK)  # XPUB drops for a full subscriber: it neither waits nor fails
            with self._lock:
                self._sent += len(batch)
            if closing:
                return

    def _replay(self, sock: "zmq.Socket[bytes]", last: dict[str, bytes]) -> None:
        """Answers all waiting subscriptions together: each matching topic once, however many asked."""
        prefixes = set()
        while sock.poll(0):
            frame = b"".join(sock.recv_multipart(zmq.NOBLOCK))
            if frame[:1] == b"\x01":
                prefixes.add(frame[1:])
        for raw in last.values():
            if any(raw.startswith(prefix) for prefix in prefixes):
                sock.send(as_replay(raw, self._wire), zmq.NOBLOCK)
                with self._lock:
                    self._replayed += 1


class Inbox:
    """A SUB socket for some topics of one endpoint; for one thread; a context manager.

    The endpoint need not be there yet. PublishError: it is malformed.
    """

    def __init__(self, endpoint: str, topics: Iterable[str]) -> None:
        self._socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.SUB)
        try:
            self._socket.setsockopt(zmq.RCVHWM, HIGH_WATER)
            self._socket.setsockopt(zmq.MAXMSGSIZE, LARGEST_MESSAGE)
            self._socket.setsockopt(zmq.RECONNECT_IVL, 100)
            self._socket.setsockopt(zmq.RECONNECT_IVL_MAX, 2000)
            _common(self._socket, endpoint)
            for topic in topics:
                self._socket.setsockopt(zmq.SUBSCRIBE, topic.encode() + b" ")
            if not endpoint.startswith(("tcp://", "ipc://", "inproc://")):
                raise zmq.ZMQError(errno.EINVAL)
            self._socket.connect(endpoint)
        except zmq.ZMQError as error:
            self.close()
            raise PublishError(
                f"expected an endpoint such as tcp://127.0.0.1:5556, found {endpoint!r} ({error.strerror}); "
                "give the one that `undertone watch` publishes on"
            ) from error

    def receive(self, timeout_s: float | None) -> bytes | None:
        """One frame, or None when ``timeout_s`` (None: no limit) passes. MessageError: several frames."""
        timeout_ms = None if timeout_s is None else max(0, math.ceil(1000.0 * timeout_s))
        if not self._socket.poll(timeout_ms):
            return None
        frames = self._socket.recv_multipart(zmq.NOBLOCK)
        if len(frames) != 1:
            raise MessageError(
                f"expected one frame per message, found {len(frames)}; is this Undertone's port?"
            )
        return frames[0]

    def close(self) -> None:
        self._socket.close(0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def has_curve() -> bool:
    """Whether this libzmq can encrypt."""
    return bool(zmq.has("curve"))


def _common(sock: "zmq.Socket[Any]", address: str) -> None:
    sock.setsockopt(zmq.LINGER, 0)
    sock.setsockopt(zmq.HEARTBEAT_IVL, HEARTBEAT_MS)
    sock.setsockopt(zmq.HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT_MS)
    if address.startswith("tcp://["):  # only then: with it on, "localhost" means ::1 first
        sock.setsockopt(zmq.IPV6, 1)
