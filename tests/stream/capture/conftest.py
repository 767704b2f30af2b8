"""Tiny videos, made with PyAV, whose pictures carry their number."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

WIDTH, HEIGHT = 160, 96


def numbered(number: int, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """uint8 [H, W, 3]: eight grey columns, white where the bit of ``number`` is set."""
    bits = (number >> np.arange(8) & 1).astype(np.uint8) * 200 + 20
    row = np.repeat(bits, -(-width // 8))[:width]
    return np.broadcast_to(row[None, :, None], (height, width, 3)).copy()


def number_of(image: np.ndarray) -> int:
    """The number in a picture of ``numbered``, whatever its size."""
    height, width = image.shape[:2]
    middles = (np.arange(8) * 2 + 1) * width // 16
    return int(sum(1 << i for i, x in enumerate(middles) if image[height // 2, x].mean() > 120))


def write(
    path: Path,
    *,
    count: int = 30,
    rate: Fraction | int = 25,
    size: tuple[int, int] = (WIDTH, HEIGHT),
    codec: str = "libx264",
    first: int = 0,
    gop: int = 12,
    rotation: int | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """A video of ``count`` numbered pictures."""
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.codec_context.gop_size = gop
        if codec == "libx264":
            stream.codec_context.options = {"preset": "ultrafast", "crf": "18"}
        if rotation is not None:
            stream.set_display_rotation(rotation)
        for i in range(count):
            frame = av.VideoFrame.from_ndarray(numbered(first + i, *size), format="rgb24")
            frame.pts, frame.time_base = first + i, 1 / Fraction(rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def write_audio(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16000)
        stream.layout = "mono"
        for i in range(20):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 16000, i * 1024
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.fixture(scope="session")
def make_video() -> Callable[..., Path]:
    return write


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """30 pictures at 25 fps, 160 × 96."""
    return write(tmp_path_factory.mktemp("video") / "clip.mp4")


@pytest.fixture(scope="session")
def audio_only(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_audio(tmp_path_factory.mktemp("video") / "audio.mp4")


@pytest.fixture(scope="session")
def read_number() -> Callable[[np.ndarray], int]:
    return number_of


@pytest.fixture(scope="session")
def draw_number() -> Callable[..., np.ndarray]:
    return numbered
