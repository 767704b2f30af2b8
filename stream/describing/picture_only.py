"""A video without sound and metadata: the only form in which video leaves this machine."""

import errno
import hashlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.error
import av.video.stream
from av.stream import Disposition

from stream.errors import SourceError, UsageError

Timed = tuple[int, int, Any]  # shown at, decoded at, the packet

# Containers that a labeller reads, by codec; every other codec goes into AVI.
SUFFIXES = {
    ".mp4": frozenset({"h264", "hevc", "av1", "mpeg4", "mpeg2video", "mpeg1video", "vp9"}),
    ".webm": frozenset({"vp8"}),
}
OTHER = ".avi"
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS)


def muted(source: Path, folder: Path, start_s: float | None = None, end_s: float | None = None) -> Path:
    """Copy the pictures of ``source``, not re-encoded, into a file of ``folder`` named after its content.

    Sound, subtitles, chapters, covers and metadata (titles, places) are left out: any of them may give away
    the result, and so may the name. A part starts at the key frame at or before ``start_s`` and ends at about
    ``end_s``. Raises SourceError when there is no video, and UsageError when the copy cannot be written.
    """
    partial = folder / f".{source.stem}.part"
    try:
        with av.open(str(source), metadata_errors="replace") as given:
            stream = _video(given, source)
            suffix = next((s for s, codecs in SUFFIXES.items() if stream.codec_context.name in codecs), OTHER)
            _copy(given, stream, partial, suffix[1:], start_s, end_s)
    except (av.error.FFmpegError, OSError, ValueError) as error:
        partial.unlink(missing_ok=True)
        if getattr(error, "errno", None) in NO_ROOM:  # not the video's fault
            raise UsageError(
                f"{folder}: expected room for a copy of {source.name} without sound, found {_line(error)}; "
                "make room and run it again."
            ) from None
        raise SourceError(
            f"{source}: expected a video that can be copied without sound, found {_line(error)}; convert it."
        ) from None
    target = folder / f"{digest(partial)[:32]}{suffix}"
    return partial.replace(target)


def seconds(path: Path) -> float:
    """Duration of a video in seconds. Raises SourceError for a file that is none."""
    try:
        with av.open(str(path), metadata_errors="replace") as given:
            stream = _video(given, path)
            if stream.duration and stream.time_base:
                return float(stream.duration * stream.time_base)
            if given.duration:
                return given.duration / av.time_base
            ends = [p.dts + (p.duration or 0) for p in given.demux(stream) if p.dts is not None]
            return float((max(ends) - min(ends)) * (stream.time_base or 0)) if ends else 0.0
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise SourceError(f"{path}: expected a video, found {_line(error)}; give another.") from None


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _video(given: av.container.InputContainer, path: Path) -> av.video.stream.VideoStream:
    """The first video stream that is no cover picture."""
    for stream in given.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            return stream
    raise SourceError(f"{path}: expected a video, found none in the file; give another.")


def _copy(
    given: av.container.InputContainer,
    stream: av.video.stream.VideoStream,
    target: Path,
    kind: str,
    start_s: float | None,
    end_s: float | None,
) -> None:
    base, begin = stream.time_base or Fraction(1, av.time_base), stream.start_time or 0
    start, end = (None if t is None else begin + round(t / base) for t in (start_s, end_s))
    first: int | None = None
    # Bit-exact: without the muxer's version, so that the same pictures give the same file.
    with av.open(str(target), "w", format=kind, options={"fflags": "+bitexact"}) as out:
        copy = out.add_stream_from_template(stream)
        for shown, decoded, packet in _since(start, _timed(given, stream, base)):
            # Packets come in decoding order: pictures shown before the end may still need this one.
            if end is not None and (decoded >= end or (packet.is_keyframe and shown >= end)):
                break
            first = shown if first is None else first
            packet.pts, packet.dts, packet.stream = shown - first, decoded - first, copy
            out.mux(packet)
    if first is None:
        raise ValueError("no picture in this part")


def _since(start: int | None, packets: Iterator[Timed]) -> Iterator[Timed]:
    """From the last key frame at or before ``start``, without a seek: in some containers it lands later."""
    held: list[Timed] = []
    for timed in packets:
        shown, _, packet = timed
        if packet.is_keyframe and (start is None or shown <= start):
            held.clear()
        held.append(timed)
        if start is None or shown >= start:
            yield from held
            yield from packets


def _timed(
    given: av.container.InputContainer, stream: av.video.stream.VideoStream, base: Fraction
) -> Iterator[Timed]:
    """Packets with both times. Matroska's first ones have no decoding time: it is counted back."""
    step = max(1, round(1 / (base * (stream.average_rate or 25))))
    waiting: list[Any] = []
    for packet in given.demux(stream):
        if packet.size:  # the last one is empty
            waiting.append(packet)
        if packet.dts is None and packet.size:
            continue
        for back, early in zip(range(len(waiting) - 1, -1, -1), waiting, strict=True):
            decoded = early.pts if packet.dts is None else packet.dts - back * step
            yield (decoded if early.pts is None else early.pts), decoded, early
        waiting = []


def _line(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
