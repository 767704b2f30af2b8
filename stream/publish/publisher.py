"""The publisher: messages in from any thread, out through one thread that owns the socket.

``publish`` encodes, queues and wakes that thread; it never waits. A subscriber that stops reading loses
messages once its buffers are full and delays no other.
"""

import os
import resource
import threading
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Self

import zmq

from stream.errors import PublishError
from stream.publish.audience import Audience
from stream.publish.endpoint import bindable, refused, socket_file
from stream.publish.keys import Keys
from stream.publish.messages import Message
from stream.publish.outbox import Outbox
from stream.publish.wire import Wire, encode, topic_of

if TYPE_CHECKING:
    from stream.publish.curve import Doorkeeper

LINGER_MS = 250  # at close, for the last messages; a stalled subscriber delays the exit by no more
CLOSE_S = 5.0  # for the thread to end; a process that waits longer for its peers leaves it behind
DESCRIPTORS = 4096  # open files that a process with many subscribers may need


@dataclass(frozen=True, slots=True)
class PublisherCounts:
    """Since the start."""

    sent: int  # messages handed to the socket
    dropped: int  # displaced in the queue
    replayed: int  # repeated for late subscribers
    refused: int = 0  # connections: too many of them, or too many subscriptions


class Publisher:
    """Publishes messages on one endpoint until closed; a context manager, bound when constructed.

    ``tcp://127.0.0.1:*`` (or port 0) takes a free port; ``endpoint`` tells which. ``keys`` encrypt
    and admit the keys on their allow-list. Raises PublishError when the endpoint is malformed, taken, or
    reachable from other machines with neither ``keys`` nor ``insecure``.
    """

    def __init__(
        self, endpoint: str, *, wire: Wire = "json", insecure: bool = False, keys: Keys | None = None
    ) -> None:
        address = bindable(endpoint, insecure=insecure or keys is not None)
        if keys is not None and not keys.allowed():
            raise PublishError(
                f"{keys.folder / 'allowed'}: expected at least one key that may subscribe, found none; "
                "run `undertone keys allow NAME KEY`."
            )
        self._keys = keys
        _raise_descriptor_limit()
        self._wire: Wire = wire
        self._outbox = Outbox()
        self._audience: Audience | None = None
        self._failure: Exception | None = None
        self._bound = threading.Event()
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
        item = topic_of(message), encode(message, self._wire)
        self._check()
        if not self._outbox.put(item):
            raise PublishError(f"expected an open publisher, found {self.endpoint} closed; open a new one.")

    @property
    def encrypted(self) -> bool:
        return self._keys is not None

    def counts(self) -> PublisherCounts:
        audience = self._audience
        if audience is None:
            return PublisherCounts(0, self._outbox.dropped, 0)
        return PublisherCounts(
            audience.sent, self._outbox.dropped, audience.replayed, audience.connections.refused
        )

    def close(self) -> None:
        """Sends what is queued, then unbinds; may be called twice."""
        if self._outbox.close():
            self._release()

    def _check(self) -> None:
        if self._failure is not None:
            raise refused(self.endpoint, self._failure) from self._failure

    def _release(self) -> None:
        self._outbox.close()
        self._thread.join(CLOSE_S)
        if not self._thread.is_alive():
            self._outbox.release()

    def _own(self, address: str) -> None:
        """The thread: every use of the socket is in here."""
        # inproc reaches only its own context; elsewhere a private one lets term() wait for the last messages
        shared = address.startswith("inproc:")
        context = zmq.Context.instance() if shared else zmq.Context()
        file: tuple[str, int] | None = None
        doorkeeper: Doorkeeper | None = None
        try:
            if self._keys is not None:
                from stream.publish import curve  # here: it brings asyncio

                doorkeeper = curve.Doorkeeper(context, self._keys)
            audience = Audience(context, address, self._wire, keys=self._keys)
            self._audience = audience
            self.endpoint = audience.socket.getsockopt_string(zmq.LAST_ENDPOINT)
            file = socket_file(self.endpoint)
            if file is not None:
                os.chmod(file[0], 0o600)  # write permission on the socket's file is permission to connect
            self._bound.set()
            self._serve(audience)
        except (zmq.ZMQError, OSError) as error:
            self._failure = error
        finally:
            if self._audience is not None:
                self._audience.close(LINGER_MS)
            if doorkeeper is not None:
                doorkeeper.close()
            if not shared:
                context.term()
            if file is not None and socket_file(self.endpoint) == file:  # libzmq leaves it behind
                os.unlink(file[0])
            self._bound.set()

    def _serve(self, audience: Audience) -> None:
        """Messages first in every round; subscriptions get a bounded time between them."""
        poller = zmq.Poller()
        for source in (audience.socket, audience.connections.monitor):
            poller.register(source, zmq.POLLIN)
        poller.register(self._outbox.descriptor, zmq.POLLIN)
        while True:
            poller.poll(audience.patience_ms())
            batch, closing = self._outbox.take()
            audience.send(batch)
            if closing:
                return
            audience.greet()
            audience.replay()


def _raise_descriptor_limit() -> None:
    """Room for subscribers beside files and networks: each connection is an open file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(DESCRIPTORS, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
