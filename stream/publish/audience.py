"""The XPUB socket: who may subscribe to what, and the last value of each topic for those who come late.

Subscriptions are accepted by hand (XPUB_MANUAL): the topics and their prefixes, nothing else, so that no
stranger fills libzmq's table of filters. A replay reaches those who have the value already, hence its mark
and its unchanged seq; several newcomers share one.
"""

import time
from collections.abc import Callable, Iterable

import zmq

from stream.publish.connections import Connections
from stream.publish.keys import Keys
from stream.publish.messages import TOPICS
from stream.publish.outbox import Item
from stream.publish.sockets import HIGH_WATER, configure
from stream.publish.wire import Wire, as_replay

# Bytes of a subscription; the frames of a handshake must fit. A peer that sends more is cut off before this
# thread sees it: libzmq's table of filters costs memory and time for every byte.
LARGEST_SUBSCRIPTION = 64
LARGEST_ENCRYPTED = 512  # a handshake takes 300; a peer that completes it is on the allow-list
# Of one peer that libzmq reads ahead: one for each topic. With many more, its loop over a flood always finds
# another one to read and never returns to this thread, which would cut the peer off.
SUBSCRIPTIONS = len(TOPICS)
HANDSHAKE_MS = 5000  # for a connection to show that it speaks ZeroMQ
ROUND_S = 0.005  # that subscriptions may take between two messages
REPLAY_S = 0.05  # least time between two replays
HEADS = tuple(f"{topic} {{".encode() for topic in TOPICS)  # what a message begins with


class Audience:
    """One bound XPUB socket, for one thread."""

    def __init__(
        self,
        context: "zmq.Context[zmq.Socket[bytes]]",
        address: str,
        wire: Wire,
        *,
        keys: Keys | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``keys`` encrypt it. Raises zmq.ZMQError where ``address`` cannot be bound."""
        self.sent = self.replayed = 0
        self._wire, self._clock = wire, clock
        self._last: dict[str, tuple[bytes, float]] = {}  # topic → message, when it was sent
        self._asked: set[bytes] = set()  # prefixes that wait for a replay
        self._replay_at = 0.0
        self._mixed_up = False  # see _subscribe
        self.socket = context.socket(zmq.XPUB)
        self.connections = Connections(self.socket)
        try:
            self.socket.setsockopt(zmq.XPUB_MANUAL, 1)
            self.socket.setsockopt(zmq.SNDHWM, HIGH_WATER)
            if keys is None:
                self.socket.setsockopt(zmq.RCVHWM, SUBSCRIPTIONS)
                self.socket.setsockopt(zmq.MAXMSGSIZE, LARGEST_SUBSCRIPTION)
            else:
                from stream.publish import curve  # here: it brings asyncio

                self.socket.setsockopt(zmq.MAXMSGSIZE, LARGEST_ENCRYPTED)
                curve.serve(self.socket, keys)
            self.socket.setsockopt(zmq.HANDSHAKE_IVL, HANDSHAKE_MS)
            configure(self.socket, address)
            self.socket.bind(address)
        except BaseException:
            self.close(0)
            raise

    def send(self, batch: Iterable[Item]) -> None:
        """XPUB drops for a subscriber whose buffer is full: it neither waits nor fails."""
        for topic, raw in batch:
            self._last[topic] = raw, self._clock()
            self.socket.send(raw, zmq.NOBLOCK)
            self.sent += 1

    def greet(self) -> None:
        """Take in new connections and subscriptions, for ``ROUND_S`` at most."""
        self.connections.look()
        deadline = self._clock() + ROUND_S
        wait_ms = 0  # at first; then a moment for what the same peer sends next
        while self._clock() < deadline:
            if not self.socket.poll(wait_ms):
                self._mixed_up = False
                return
            wait_ms = 1
            self._subscribe(self.socket.recv_multipart(zmq.NOBLOCK, copy=False))

    def replay(self) -> None:
        """Repeat the last value of each topic that newcomers asked for, if it is time."""
        now = self._clock()
        if not self._asked or now < self._replay_at:
            return
        for raw, at in self._last.values():
            if any(raw.startswith(prefix) for prefix in self._asked):
                self.socket.send(as_replay(raw, self._wire, now - at), zmq.NOBLOCK)
                self.replayed += 1
        self._asked.clear()
        self._replay_at = now + REPLAY_S

    def patience_ms(self) -> int | None:
        """How long the thread may sleep when nothing happens; None: for ever."""
        if not self._asked:
            return None
        return max(1, round(1000 * (self._replay_at - self._clock())))

    def close(self, linger_ms: int) -> None:
        self.connections.close()
        self.socket.close(linger_ms)

    def _subscribe(self, frames: list[zmq.Frame]) -> None:
        """Accept or drop one subscription: a byte, 1 to subscribe or 0 to cancel, and a prefix.

        Anything else makes libzmq (4.3) mix up whose turn it is until its queue is empty, and a subscription
        would count for another peer. Whoever sends something until then is cut off; clients connect again.
        """
        raw = b"".join(frame.bytes for frame in frames)
        kind, prefix = raw[:1], raw[1:]
        peer = _descriptor(frames[0])
        self._mixed_up |= kind not in (b"\x00", b"\x01")
        if self._mixed_up:
            self.connections.look()  # it may have come just now
            self.connections.cut_off(peer)
            return
        if not self.connections.may_subscribe(peer):
            return
        if not any(head.startswith(prefix) for head in HEADS):
            return
        if kind == b"\x01":
            self.socket.setsockopt(zmq.SUBSCRIBE, prefix)  # of the peer whose frame was read last
            self._asked.add(prefix)
        else:
            self.socket.setsockopt(zmq.UNSUBSCRIBE, prefix)


def _descriptor(frame: zmq.Frame) -> int:
    """Of the connection that a frame came through; -1 for one within the process."""
    try:
        return int(frame.get(zmq.SRCFD))
    except zmq.ZMQError:
        return -1
