"""Pictures out of a source, with PyAV. Runs in the decoder child only."""

import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import av
import av.container
import av.error
import av.logging
import av.video.frame
import av.video.reformatter
import av.video.stream
import numpy as np
from av.stream import Discard, Disposition

from stream.capture.open_options import MAX_PIXELS, profile
from stream.capture.orientation import Orientation, display_size, of_matrix
from stream.capture.picture import Picture, StreamInfo
from stream.capture.redact import hide_addresses
from stream.capture.shared_frames import Control
from stream.errors import SourceError, SourceTimeout
from stream.records import Image

# Of a live source's latest packets so many without a sound picture: another codec came, it is opened again.
BLIND_PACKETS, BLIND_SHARE = 40, 0.6
MOST_ERRORS = 300  # in a row: nothing more will come
_TWO_THREADS_ABOVE = 1080  # lines; slice threads help large multi-slice pictures only
# How far before a wanted moment a seek begins: a key frame is wanted, and a group of pictures may be long.
_SEEK_BACK_S = (0.0, 2.0, 6.0, 15.0, 40.0, 1e9)
_TEXT_AS_VIDEO = frozenset({"ansi", "xbin", "bintext", "idf"})  # "video" that libav draws from plain text


def _rank(video: av.video.stream.VideoStream) -> tuple[bool, int]:
    """The default stream before others, then the one with the most pixels; the first of equals."""
    return bool(video.disposition & Disposition.default), (video.width or 0) * (video.height or 0)


def _orientation(frame: av.video.frame.VideoFrame) -> Orientation:
    matrix: Any = frame.side_data.get("DISPLAYMATRIX")
    return Orientation() if matrix is None else of_matrix(bytes(matrix))


class Decoder:
    """One opened source: ``info``, then ``pictures()`` to its end."""

    def __init__(self, request: dict[str, Any], control: Control) -> None:
        """Opens the source. Raises SourceError or SourceTimeout with one redacted sentence."""
        av.logging.set_level(None)  # its logging can deadlock
        self._name: str = request["name"]
        self._url: str = request["url"]
        self._finite: bool = request["kind"] in ("file", "demo", "picture")
        self._start_at_s: float = request["start_at_s"]
        opened_at = time.monotonic()
        self._timeouts = (max(0.1, request["deadline"] - opened_at), request["read_timeout_s"])
        self._control = control
        self._reformatter = av.video.reformatter.VideoReformatter()
        opening = profile(request)
        try:
            self._container = av.open(
                opening.url,
                "r",
                format=opening.format,
                options=opening.options,
                timeout=self._timeouts,
                metadata_errors="replace",
            )
        except (av.error.FFmpegError, OSError, ValueError, UnicodeError) as error:
            raise self._explain(error, "open", request["open_timeout_s"], opened_at) from None
        self._stream = self._choose(request.get("stream"))
        for other in self._container.streams:
            if other.index != self._stream.index:
                other.discard = Discard.all  # of a playlist with several variants, one is fetched
        context = self._stream.codec_context
        context.thread_type = "SLICE"  # frame threads would hold back as many frames as there are threads
        context.thread_count = 2 if context.height > _TWO_THREADS_ABOVE else 1
        context.options = {"max_pixels": str(MAX_PIXELS)}
        self._by_decoding_time = self._container.format.name == "avi"
        self._await_key_frame = False
        self._orientation: Orientation | None = None  # of the newest key frame
        rate = self._stream.average_rate or self._stream.guessed_rate
        duration = self._container.duration
        self.info = StreamInfo(
            width=context.width,
            height=context.height,
            fps=float(rate) if rate else None,
            codec=context.name,
            others=tuple(self._others),
            duration_s=duration / 1e6 if duration and duration > 0 else None,
        )

    def pictures(self) -> Iterator[Picture]:
        """Every picture from ``start_at_s`` on. Counts decode errors; raises SourceError when none came."""
        start = self._seek()
        seen = row = 0  # pictures so far, errors in a row
        blind = 0.0  # share of the latest packets that gave no sound picture
        for arrived, frames in self._packets():
            sound = bool(frames) and not any(frame.is_corrupt for frame in frames or ())
            blind += (float(not sound) - blind) / BLIND_PACKETS
            if seen and not self._finite and blind > BLIND_SHARE:
                raise SourceError(
                    f"{self._name} sends video that can no longer be decoded; check what it sends",
                    code="corrupt",
                )
            if frames is None:
                row += 1
                if row >= MOST_ERRORS and (not self._finite or not seen):
                    raise SourceError(
                        f"{self._name}: {row} packets in a row could not be decoded; it is damaged",
                        code="corrupt",
                    )
                continue
            for frame in frames:
                row = 0
                seen += 1
                if start is not None and frame.time is not None and frame.time < start - 1e-6:
                    self._control.add("progress")  # on the way from the key frame
                    continue
                yield self._picture(frame, arrived)
        if not seen:
            errors = self._control.get("errors")
            raise SourceError(
                f"{self._name} holds a video stream but no picture could be decoded ({errors} errors); "
                f"it is damaged, cut short or larger than {MAX_PIXELS >> 20} megapixels",
                code="corrupt",
            )

    def close(self) -> None:
        self._container.close()

    def _choose(self, wanted: int | None) -> av.video.stream.VideoStream:
        """The stream that was asked for by its place among the video streams; else the default one, else the
        largest."""
        streams = self._container.streams
        videos = [s for s in streams.video if not s.disposition & Disposition.attached_pic]  # no cover art
        kinds = sorted({str(s.type) for s in streams if s.type != "video"})
        if not videos:
            found = f"only {', '.join(kinds)}" if kinds else "no stream at all"
            raise SourceError(
                f"{self._name} holds no video, found {found}; name a source with a picture", code="no_video"
            )
        if wanted is not None and not 0 <= wanted < len(videos):
            raise SourceError(
                f"{self._name}: expected --stream 0 to {len(videos) - 1}, found {wanted}; it has that many "
                "video streams, choose one",
                code="unreadable",
            )
        chosen = max(videos, key=_rank) if wanted is None else videos[wanted]
        # The stubs promise a codec context; a codec without a decoder has none.
        codec: str | None = getattr(chosen.codec_context, "name", None)
        if codec is None:
            raise SourceError(
                f"{self._name} has video in a codec that cannot be decoded here; convert it", code="codec"
            )
        if codec in _TEXT_AS_VIDEO:
            raise SourceError(f"{self._name} is text, not video; name a video file", code="no_video")
        self._others = [f"{v.width}×{v.height}" for v in videos if v is not chosen]
        return chosen

    def _seek(self) -> float | None:
        """Goes to a key frame before ``start_at_s``; returns the media time to begin at.

        A container without an index (MPEG-TS, MPEG-PS) seeks by guessing: where the next key frame after a
        seek lies behind the moment, the next try begins further back.
        """
        if self._start_at_s <= 0:
            return None
        start_us = self._container.start_time or 0
        if self.info.duration_s is not None and self._start_at_s >= self.info.duration_s:
            raise SourceError(
                f"{self._name} lasts {self.info.duration_s:.2f} s and has nothing at {self._start_at_s:g} s; "
                "choose an earlier moment",
                code="not_found",
            )
        target = start_us + int(self._start_at_s * 1e6)
        # Where it cannot seek, everything before the moment is decoded and passed over.
        if self.info.duration_s is not None:
            for back_s in _SEEK_BACK_S:
                if self._key_frame_before(target, max(start_us, target - int(back_s * 1e6))):
                    break
        return target / 1e6

    def _key_frame_before(self, target_us: int, from_us: int) -> bool:
        """Seek to ``from_us``; whether the next key frame comes at or before ``target_us``.

        On success the container stands before that key frame.
        """
        for look in (True, False):
            try:
                self._container.seek(from_us, backward=True)
            except av.error.FFmpegError:
                return False
            self._await_key_frame = True
            if look and not self._comes_in_time(target_us):
                return False
        return True

    def _comes_in_time(self, target_us: int) -> bool:
        with suppress(av.error.FFmpegError, OSError):
            for packet in self._container.demux(self._stream):
                if packet.is_keyframe and packet.pts is not None and packet.time_base is not None:
                    return float(packet.pts * packet.time_base) * 1e6 <= target_us
        return False

    def _packets(self) -> Iterator[tuple[float, list[av.video.frame.VideoFrame] | None]]:
        """(arrival time, frames) per packet; None for frames where decoding failed."""
        # Of a live source all streams: one that changes its codec may go on as one that was not there before.
        packets = self._container.demux(*([self._stream] if self._finite else []))
        while True:
            asked = time.monotonic()
            try:
                packet = next(packets, None)
            except (av.error.FFmpegError, OSError) as error:
                if self._finite:  # a file that breaks off is played as far as it goes
                    self._control.add("errors")
                    packet = None
                else:
                    raise self._explain(error, "read", self._timeouts[1], asked) from None
            if packet is None:
                return
            arrived = time.monotonic()
            if packet.stream_index != self._stream.index:
                if packet.stream.type == "video":
                    yield arrived, []
                continue
            if self._await_key_frame and packet.size:
                if not packet.is_keyframe:
                    continue  # after a seek nothing before it can be decoded
                self._await_key_frame = False
            try:
                frames: Any = packet.decode()  # of a video stream: its stub knows every kind
                yield arrived, frames
            except (av.error.FFmpegError, ValueError):
                self._control.add("errors")
                if self._finite:
                    self._control.add("progress")
                yield arrived, None

    def _picture(self, frame: av.video.frame.VideoFrame, arrived: float) -> Picture:
        if frame.key_frame or self._orientation is None:
            # Of key frames alone: side data keeps its picture alive until the next garbage collection.
            self._orientation = _orientation(frame)
        orientation = self._orientation
        width, height = display_size(frame.width, frame.height, self._stream.sample_aspect_ratio)
        size = (width, height) if orientation.turned else (height, width)

        def render() -> Image:
            rgb = self._reformatter.reformat(frame, width=width, height=height, format="rgb24", threads=1)
            plane: Any = rgb.planes[0]  # its stub leaves out that it is a buffer
            strides = (plane.line_size, 3, 1)
            data = np.frombuffer(plane, np.uint8)
            image: Image = np.ndarray((rgb.height, rgb.width, 3), np.uint8, data, strides=strides)
            return orientation.apply(image)

        return Picture(self._time_of(frame), arrived, size, frame.is_corrupt, render)

    def _time_of(self, frame: av.video.frame.VideoFrame) -> float | None:
        """Media seconds; of a container that stores none for pictures (AVI), those of their decoding."""
        stamp = frame.dts if self._by_decoding_time else frame.pts
        return None if stamp is None or frame.time_base is None else float(stamp * frame.time_base)

    def _explain(self, error: Exception, verb: str, timeout_s: float, since: float) -> SourceError:
        """One redacted sentence for what libav raised on a call that started at ``since``."""
        name = self._name
        # Some protocols turn a timeout into another error; the time it took gives it away.
        waited = not self._finite and time.monotonic() - since > 0.9 * min(self._timeouts)
        if waited or isinstance(error, av.error.ExitError | av.error.TimeoutError):
            return SourceTimeout(
                f"{name} sent no picture within {timeout_s:g} s; check that it is running and sending video"
            )
        if isinstance(error, ConnectionRefusedError):
            return SourceError(
                f"{name} refused the connection; check host and port and that the server runs", code="refused"
            )
        if isinstance(error, av.error.HTTPUnauthorizedError | av.error.HTTPForbiddenError):
            return SourceError(f"{name} denied access; check user name, password or token", code="auth")
        if isinstance(error, av.error.HTTPNotFoundError | av.error.FileNotFoundError):
            return SourceError(f"{name} was not found; check the address", code="not_found")
        if isinstance(error, av.error.InvalidDataError):
            return SourceError(
                f"{name} is not a video that can be read; it is damaged, cut short or no video",
                code="corrupt",
            )
        reason = getattr(error, "strerror", None) or type(error).__name__
        if any(word in str(reason).lower() for word in ("tls", "ssl", "certificate")):
            return SourceError(
                f"{name}: the encrypted connection failed; check its certificate and this machine's clock",
                code="tls",
            )
        reason = hide_addresses(str(reason).replace(self._url, "it"))
        return SourceError(f"cannot {verb} {name} ({reason}); check the address and that it holds video")
