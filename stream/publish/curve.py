"""Encryption of the sockets: CURVE (ZeroMQ RFC 26), and admission by an allow-list (ZAP, RFC 27)."""

from collections.abc import Callable
from typing import Any

import zmq
from zmq.auth.thread import ThreadAuthenticator

from stream.errors import PublishError
from stream.publish.keys import Keys


def generate() -> tuple[str, str]:
    """A new pair, public and secret. Raises PublishError where this libzmq cannot encrypt.

    Both begin with a letter or a digit: one in 85 would begin with a hyphen, and read as an option.
    """
    if not zmq.has("curve"):
        raise PublishError(
            "expected a libzmq that encrypts, found one built without CURVE; install pyzmq's own wheel."
        )
    while True:
        public, secret = (key.decode() for key in zmq.curve_keypair())
        if public[0].isalnum() and secret[0].isalnum():
            return public, secret


class Doorkeeper:
    """Admits peers whose key is on the allow-list when they connect; for the sockets of one context."""

    def __init__(self, context: "zmq.Context[Any]", keys: Keys) -> None:
        """Start it before the socket binds."""
        self._authenticator = ThreadAuthenticator(context)
        self._authenticator.start()
        self._authenticator.configure_curve_callback(credentials_provider=_Allowed(keys.allowed))

    def close(self) -> None:
        self._authenticator.stop()


class _Allowed:
    """pyzmq's credentials provider."""

    def __init__(self, allowed: Callable[[], dict[str, str]]) -> None:
        self._allowed = allowed

    def callback(self, domain: str, key: bytes) -> bool:
        """``key`` is Z85 text; an unreadable list admits no key."""
        try:
            return key.decode("ascii", "replace") in self._allowed()
        except PublishError:
            return False


def serve(sock: "zmq.Socket[Any]", keys: Keys) -> None:
    """Make a socket that is to bind speak to allowed peers alone, encrypted."""
    sock.setsockopt(zmq.CURVE_SERVER, 1)
    sock.setsockopt_string(zmq.CURVE_SECRETKEY, keys.secret)


def connect(sock: "zmq.Socket[Any]", keys: Keys, server: str) -> None:
    """Make a socket that is to connect speak to the owner of the public key ``server`` alone."""
    sock.setsockopt_string(zmq.CURVE_SERVERKEY, server)
    sock.setsockopt_string(zmq.CURVE_PUBLICKEY, keys.public)
    sock.setsockopt_string(zmq.CURVE_SECRETKEY, keys.secret)
