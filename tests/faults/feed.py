"""A small encoded film of the demo's person, as packets that servers repeat for ever with running clocks."""

import io
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame

from stream.capture.source import Source

RATE = 25
FIRST, COUNT = 1000, 100  # frames of the built-in clip: seconds 40 to 44
TICK = Fraction(1, 90_000)
STEP = 90_000 // RATE


@dataclass(frozen=True, slots=True)
class Unit:
    """One access unit, Annex B, with parameter sets before every key frame."""

    data: bytes
    key: bool


@cache
def frames(width: int = 320, height: int = 240) -> list[VideoFrame]:
    """Four seconds of the demo's person."""
    found = []
    with av.open(Source.parse("demo").url) as container:
        for index, frame in enumerate(container.decode(video=0)):
            if index >= FIRST + COUNT:
                break
            if index >= FIRST:
                found.append(frame.reformat(width=width, height=height, format="yuv420p"))
    return found


@cache
def units(codec: str = "libx264", width: int = 320, height: int = 240, gop: int = RATE) -> list[Unit]:
    """``COUNT`` access units without B-frames, a key frame every ``gop``."""
    encoder = av.CodecContext.create(codec, "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, RATE), Fraction(RATE)
    encoder.gop_size = gop
    if codec == "libx264":
        encoder.options = {"preset": "ultrafast", "tune": "zerolatency", "x264-params": "repeat-headers=1"}
    elif codec == "mpeg2video":
        encoder.bit_rate = 1_500_000
        encoder.max_b_frames = 0
    found = []
    for number, frame in enumerate(frames(width, height)):
        frame.pts, frame.time_base = number, Fraction(1, RATE)
        frame.pict_type = 0
        found += [Unit(bytes(p), p.is_keyframe) for p in encoder.encode(frame)]
    found += [Unit(bytes(p), p.is_keyframe) for p in encoder.encode(None)]
    assert len(found) == COUNT, (codec, len(found))
    return found


class Sink(io.RawIOBase):
    """Collects what a muxer writes; ``take`` gives it away."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        part = bytes(data)  # type: ignore[call-overload]
        self._parts.append(part)
        return len(part)

    def take(self) -> bytes:
        found, self._parts = b"".join(self._parts), []
        return found


class TsMuxer:
    """MPEG-TS packets from access units with any pts: one muxer is one connection's stream."""

    def __init__(self, codec: str = "libx264", width: int = 320, height: int = 240, gop: int = RATE) -> None:
        self._sink = Sink()
        # Every packet leaves at once: a reader is live only if the muxer is.
        self._container = av.open(self._sink, "w", format="mpegts", options={"flush_packets": "1"})
        self._stream = self._container.add_stream(codec, rate=RATE)
        self._stream.width, self._stream.height, self._stream.pix_fmt = width, height, "yuv420p"
        self._stream.time_base = TICK
        self._units = units(codec, width, height, gop)

    def packet(self, number: int, pts: int) -> bytes:
        """The bytes of frame ``number`` (it repeats) stamped ``pts`` in 90 kHz."""
        unit = self._units[number % COUNT]
        packet = av.Packet(unit.data)
        packet.stream, packet.time_base = self._stream, TICK
        packet.pts = packet.dts = pts
        packet.duration = STEP
        packet.is_keyframe = unit.key
        self._container.mux(packet)
        return self._sink.take()


def segment(number: int, seconds: float = 1.0, codec: str = "libx264", shift: int = 0) -> bytes:
    """Segment ``number`` of an endless HLS stream, its clock running on from the one before.

    ``shift``: of the clock, in 90 kHz.
    """
    count = round(seconds * RATE)
    muxer = TsMuxer(codec)
    first = number * count
    return b"".join(muxer.packet(first + i, (first + i) * STEP + 90_000 + shift) for i in range(count))


@cache
def sound(seconds: int = 60) -> bytes:
    """MPEG-TS with a stream of silence and no picture."""
    out = io.BytesIO()
    with av.open(out, "w", format="mpegts") as container:
        stream = container.add_stream("mp2", rate=48_000)
        for number in range(seconds * 48_000 // 1152):
            frame = AudioFrame.from_ndarray(np.zeros((1, 2 * 1152), np.int16), format="s16", layout="stereo")
            frame.sample_rate, frame.pts = 48_000, number * 1152
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return out.getvalue()
