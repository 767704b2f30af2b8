"""nginx with its RTMP module on 127.0.0.1, and a publisher that sends the film to it."""

import contextlib
import shutil
import socket
import subprocess
import threading
import time
from fractions import Fraction
from pathlib import Path
from typing import Self

import av
import pytest

from faults import feed

CONFIG = """
daemon off; master_process off; worker_processes 1;
error_log {folder}/error.log; pid {folder}/nginx.pid;
load_module /usr/lib/nginx/modules/ngx_rtmp_module.so;
events {{ worker_connections 64; }}
rtmp {{ server {{ listen 127.0.0.1:{port}; chunk_size 4096; application live {{ live on; }} }} }}
"""


class RtmpServer:
    """``rtmp://127.0.0.1:port/live/court``; a context manager."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]

    def start(self) -> None:
        nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin")
        if nginx is None:
            pytest.fail("expected nginx with its RTMP module; install nginx-light libnginx-mod-rtmp", pytrace=False)
        config = self._folder / "nginx.conf"
        config.write_text(CONFIG.format(folder=self._folder, port=self.port))
        self._process = subprocess.Popen(
            [nginx, "-c", str(config), "-e", str(self._folder / "start.log")], stderr=subprocess.PIPE
        )
        give_up = time.monotonic() + 10
        while time.monotonic() < give_up:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1.0):
                return
            if self._process.poll() is not None:
                break
            time.sleep(0.05)
        self._process.kill()
        pytest.fail(f"nginx did not start: {self._process.communicate()[1].decode()}", pytrace=False)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate(timeout=10)
            self._process = None

    @property
    def url(self) -> str:
        return f"rtmp://127.0.0.1:{self.port}/live/court"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class Publisher:
    """Sends the film to an RTMP server at its rate, until the context is left."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        with contextlib.suppress(av.error.FFmpegError, OSError), av.open(self._url, "w", format="flv") as out:
            stream = out.add_stream("libx264", rate=feed.RATE)
            stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
            stream.options = {"preset": "ultrafast", "tune": "zerolatency"}
            stream.codec_context.gop_size = feed.RATE
            began, number = time.monotonic(), 0
            pictures = feed.frames()
            while not self._stop.is_set():
                picture = pictures[number % feed.COUNT]
                picture.pts, picture.time_base = number, Fraction(1, feed.RATE)
                picture.pict_type = 0
                out.mux(stream.encode(picture))
                number += 1
                self._stop.wait(max(0.0, began + number / feed.RATE - time.monotonic()))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(10)
