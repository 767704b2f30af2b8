"""The SUB socket behind ``undertone listen``."""

import errno
import math
from collections.abc import Iterable
from types import TracebackType
from typing import Self

import zmq

from stream.errors import MessageError, PublishError
from stream.publish.keys import Keys
from stream.publish.sockets import HIGH_WATER, configure

LARGEST_MESSAGE = 1 << 20  # bytes that are accepted


class Inbox:
    """A SUB socket for some topics of one endpoint; for one thread; a context manager.

    The endpoint need not be there yet. PublishError: it is malformed.
    """

    def __init__(
        self,
        endpoint: str,
        topics: Iterable[str],
        *,
        conflate: bool = False,
        keys: Keys | None = None,
        server: str | None = None,
    ) -> None:
        """``conflate``: keep the newest message only. ``server``: public key of an encrypted publisher, on
        whose allow-list ``keys`` are."""
        self._socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.SUB)
        try:
            self._socket.setsockopt(zmq.CONFLATE, int(conflate))
            self._socket.setsockopt(zmq.RCVHWM, HIGH_WATER)
            self._socket.setsockopt(zmq.MAXMSGSIZE, LARGEST_MESSAGE)
            self._socket.setsockopt(zmq.RECONNECT_IVL, 100)
            self._socket.setsockopt(zmq.RECONNECT_IVL_MAX, 2000)
            configure(self._socket, endpoint)
            if keys is not None and server is not None:
                from stream.publish import curve  # here: it brings asyncio

                curve.connect(self._socket, keys, server)
            for topic in topics:
                self._socket.setsockopt(zmq.SUBSCRIBE, topic.encode() + b" ")
            if not endpoint.startswith(("tcp://", "ipc://", "inproc://")):
                raise zmq.ZMQError(errno.EINVAL)
            self._socket.connect(endpoint)
        except zmq.ZMQError as error:
            self.close()
            raise PublishError(
                f"expected an endpoint such as tcp://127.0.0.1:5556, found {endpoint!r} ({error.strerror}); "
                "give the one that `undertone watch` publishes on."
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
