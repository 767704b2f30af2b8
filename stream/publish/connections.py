"""The peers of a bound socket: limits their number and cuts off those that flood.

libzmq has no option for either limit. Its monitor names the descriptor of each accepted connection, and every
subscription names the descriptor that it came through; shutting that socket down makes libzmq drop the peer
with everything that it keeps for it.
"""

import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import zmq
from zmq.utils.monitor import recv_monitor_message

MOST = 256  # connections at once
RATE = 128  # subscriptions of one connection in SPAN_S
SPAN_S = 10.0
EVENTS = zmq.EVENT_ACCEPTED | zmq.EVENT_DISCONNECTED | zmq.EVENT_CLOSED


@dataclass(slots=True)
class _Peer:
    subscribed: bool = False
    since: float = 0.0  # of the span that is counted
    count: int = 0  # subscriptions in it
    gone: bool = False  # its connection was shut down, libzmq may not know yet


class Connections:
    """The connections of one bound socket, for the thread that owns it."""

    def __init__(
        self, sock: "zmq.Socket[bytes]", *, most: int = MOST, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Call it before ``bind``: what is accepted earlier is not seen."""
        self.refused = 0
        self._most, self._clock = most, clock
        self._peers: dict[int, _Peer] = {}  # by descriptor, oldest first
        self._owner = sock
        self.monitor = sock.get_monitor_socket(EVENTS)

    def look(self) -> None:
        """Process connections and disconnections; above the limit one peer is cut off."""
        while self.monitor.poll(0):
            event = recv_monitor_message(self.monitor)
            descriptor = int(event["value"])
            self._peers.pop(descriptor, None)
            if event["event"] == zmq.EVENT_ACCEPTED:
                self._peers[descriptor] = _Peer()
                if sum(not peer.gone for peer in self._peers.values()) > self._most:
                    self._refuse(self._least_wanted())

    def may_subscribe(self, descriptor: int) -> bool:
        """Whether a subscription from there counts; a peer with too many of them is refused."""
        peer = self._peers.get(descriptor)
        if peer is None:  # another transport, inproc for one
            return True
        if peer.gone:
            return False
        now = self._clock()
        if now - peer.since > SPAN_S:
            peer.since, peer.count = now, 0
        peer.count += 1
        peer.subscribed = True
        if peer.count > RATE:
            self._refuse(descriptor)
            return False
        return True

    def cut_off(self, descriptor: int) -> None:
        """Drop a peer, if it is one of these."""
        if descriptor in self._peers and not self._peers[descriptor].gone:
            self._refuse(descriptor)

    def close(self) -> None:
        self._owner.disable_monitor()
        self.monitor.close(0)  # an open socket would hold the context's end

    def _least_wanted(self) -> int:
        """The oldest that never subscribed, else the newest."""
        here = [(descriptor, peer) for descriptor, peer in self._peers.items() if not peer.gone]
        return next((descriptor for descriptor, peer in here if not peer.subscribed), here[-1][0])

    def _refuse(self, descriptor: int) -> None:
        self._peers[descriptor].gone = True
        self.refused += 1
        with suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as peer:  # OSError: gone already
            if self._is_ours(peer):
                peer.shutdown(socket.SHUT_RDWR)

    def _is_ours(self, peer: socket.socket) -> bool:
        """A descriptor may by now belong to something else in this process."""
        endpoint = self._owner.getsockopt_string(zmq.LAST_ENDPOINT)
        name = peer.getsockname()
        if isinstance(name, tuple):
            return endpoint.startswith("tcp://") and endpoint.endswith(f":{name[1]}")
        path = os.fsdecode(name).replace("\0", "@", 1)
        return endpoint == f"ipc://{path}"
