"""The decoder process as its parent holds it: started, listened to, and ended by force if need be."""

import json
import os
import select
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import stream
from stream.capture.child_messages import Message, read_message
from stream.capture.shared_frames import Control

LEAVE_S = 1.0  # for the child to leave before it is killed
_MOST_MESSAGE = 1 << 16
# The package's own folder first, then the parent's path: the child imports what the parent imports. The
# request, which may hold credentials, goes over the socket: an argument is readable by everyone.
_BOOT = (
    "import sys; sys.path[:] = sys.argv[4:]; "
    "from stream.capture.decoding.process import main; main(*map(int, sys.argv[1:4]))"
)


# All that a decoder needs of the environment: no key, token or password of ours is among it.
_PASSED_ON = frozenset({"PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "SSL_CERT_FILE"})


def _environment() -> dict[str, str]:
    """What the child gets: proxies and library paths, nothing that it could tell anybody."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in _PASSED_ON or name.startswith("PYTHON") or name.lower().endswith("_proxy")
    }
    return {**kept, "OPENBLAS_NUM_THREADS": "1"}  # no idle thread pool: it only copies


class Link:
    """One decoder process and the three lines to it: messages, wake-ups, counters."""

    def __init__(self, request: dict[str, Any]) -> None:
        """Starts the process and sends ``request`` (see ``child``). Raises SourceError without memory.

        A plain subprocess rather than ``multiprocessing``: it does not run the caller's main module again,
        and with nameless memory there is no resource for a tracker to track.
        """
        control_fd = Control.create()
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._wake, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        fds = (theirs.fileno(), control_fd, wake)
        root = str(Path(stream.__file__).resolve().parents[1])
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _BOOT, *map(str, fds), root, *filter(None, sys.path)],
                pass_fds=fds,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=_environment(),
                process_group=0,  # Ctrl-C is the parent's business
            )
        finally:
            self.control = Control(control_fd)
            theirs.close()
            os.close(control_fd)
            os.close(wake)
        self._ended = False
        with suppress(BrokenPipeError, ConnectionResetError):  # it died at once: ``messages`` says so
            self._socket.send(json.dumps(request).encode())
        self._socket.setblocking(False)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def closed(self) -> bool:
        """Whether the child has closed its side and everything it said was read."""
        return self._ended

    def messages(self) -> Iterator[Message]:
        """What the child said since the last call, without waiting; a segment comes mapped.

        Raises SourceError for anything that is no message.
        """
        while not self._ended:
            try:
                data, fds, _, _ = socket.recv_fds(self._socket, _MOST_MESSAGE, 1)
            except BlockingIOError:
                return
            except ConnectionResetError:
                continue  # it left without reading all of ours; what it said is still there to be read
            if not data:
                self._ended = True
                return
            try:
                yield read_message(data, fds)
            finally:
                for fd in fds:
                    os.close(fd)

    def say_taken(self) -> None:
        """Tells a waiting child that a slot is free."""
        # Full: the child has enough to wake up from. Gone: ``messages`` says so.
        with suppress(BlockingIOError, BrokenPipeError, ConnectionResetError):
            self._socket.send(b"t")

    def wait(self, seconds: float) -> None:
        """Waits for a frame or a message, at most ``seconds``."""
        poll = select.poll()
        poll.register(self._wake, select.POLLIN)
        if not self._ended:
            poll.register(self._socket, select.POLLIN)
        poll.poll(max(0.0, seconds) * 1000)
        with suppress(BlockingIOError):
            os.read(self._wake, _MOST_MESSAGE)

    def how_it_ended(self) -> str:
        """ "exit code 1" or "signal 9", of a child whose line is closed."""
        if not self._leave():
            return "silence"
        code = self._process.returncode
        return f"signal {-code}" if code < 0 else f"exit code {code}"

    def close(self) -> None:
        """Ends the process, by force after a second. To be called once."""
        self._socket.close()  # the child sees the end of the line and leaves
        os.close(self._wake)
        self._leave()

    def _leave(self) -> bool:
        for last_resort in (self._process.kill, self._process.kill):
            try:
                self._process.wait(LEAVE_S)
            except subprocess.TimeoutExpired:
                last_resort()
            else:
                return True
        return False  # asleep in the kernel: nobody can do more
