"""GStreamer's RTSP server as a process of its own, so that it can be killed and come back on its port."""

import struct
import subprocess
from pathlib import Path
from typing import Self

import pytest
from faults import feed

PYTHON = "/usr/bin/python3"
SCRIPT = Path(__file__).with_name("rtsp_process.py")
PACKAGES = "python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-good gstreamer1.0-plugins-bad"


class RtspServer:
    """``rtsp://127.0.0.1:port/live``; a context manager."""

    def __init__(
        self,
        folder: Path,
        *,
        rate: float = feed.RATE,
        login: tuple[str, str] = ("", ""),
        transport: str = "any",
    ) -> None:
        """``transport``: any or udp."""
        self._units = folder / "units.bin"
        self._units.write_bytes(b"".join(struct.pack(">I", len(u.data)) + u.data for u in feed.units()))
        self._rate, self._login, self._transport = rate, login, transport
        self._process: subprocess.Popen[str] | None = None
        self.port = 0

    def start(self) -> None:
        arguments = [str(self._units), str(self._rate), *self._login, str(self.port), self._transport]
        self._process = subprocess.Popen(
            [PYTHON, str(SCRIPT), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line.strip().isdigit():
            _, error = self._process.communicate(timeout=10)
            pytest.fail(f"GStreamer's RTSP server did not start; install {PACKAGES}: {error}", pytrace=False)
        self.port = int(line)

    def stop(self) -> None:
        """SIGKILL: the peer that vanishes."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate(timeout=10)
            self._process = None

    def tell(self, word: str) -> None:
        """``stall`` or ``go``."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()

    @property
    def url(self) -> str:
        return f"rtsp://127.0.0.1:{self.port}/live"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
