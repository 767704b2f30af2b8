"""Pictures out of a source, with PyAV. Runs in the decoder process only."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.client import HTTPException
from typing import Any

import av
import av.container
import av.error
import av.logging
import av.video.frame
from av.stream import Discard

from stream.capture.decoding import seeking, streams
from stream.capture.decoding.decoded_pictures import DecodedPictures
from stream.capture.decoding.following import Following
from stream.capture.decoding.libav_errors import Explaining
from stream.capture.decoding.open_options import MAX_PIXELS, profile
from stream.capture.decoding.web.fetching import proxies
from stream.capture.decoding.web.hosts import Reach, endpoint
from stream.capture.decoding.web.opening import Web
from stream.capture.picture import Picture, StreamInfo
from stream.capture.shared_frames import Control
from stream.errors import SourceError

# Of a live source's latest packets so many without a sound picture: another codec came, it is opened again.
BLIND_PACKETS, BLIND_SHARE = 40, 0.6
MOST_ERRORS = 300  # in a row: nothing more will come
_TWO_THREADS_ABOVE = 1080  # lines; slice threads help large multi-slice pictures only

Packets = Iterator[tuple[float, list[av.video.frame.VideoFrame] | None]]


class Decoder:
    """One opened source: ``info``, then ``pictures()`` to its end."""

    def __init__(self, request: dict[str, Any], control: Control) -> None:
        """Opens the source. Raises SourceError or SourceTimeout with one redacted sentence."""
        av.logging.set_level(None)  # its logging can deadlock
        self._name: str = request["name"]
        self._finite: bool = request["kind"] in ("file", "demo", "picture")
        self._start_at_s: float = request["start_at_s"]
        self._control = control
        self._errors = Explaining(self._name, request["url"], self._finite)
        self._read_timeout_s: float = request["read_timeout_s"]
        self._web: Web | None = None  # of a source on the web
        self._container = self._open(request)
        self._stream, others = streams.choose(self._container, self._name, request.get("stream"))
        for other in self._container.streams:
            if other.index != self._stream.index:
                other.discard = Discard.all  # of a playlist with several variants, one is fetched
        context = self._stream.codec_context
        context.thread_type = "SLICE"  # frame threads would hold back as many frames as there are threads
        context.thread_count = 2 if context.height > _TWO_THREADS_ABOVE else 1
        context.options = {"max_pixels": str(MAX_PIXELS)}
        self._pictures = DecodedPictures(self._stream, by_decoding_time=self._container.format.name == "avi")
        self._await_key_frame = False
        rate = self._stream.average_rate or self._stream.guessed_rate
        duration = self._container.duration
        self.info = StreamInfo(
            width=context.width,
            height=context.height,
            fps=float(rate) if rate else None,
            codec=context.name,
            others=others,
            duration_s=duration / 1e6 if duration and duration > 0 else None,
        )

    def _open(self, request: dict[str, Any]) -> av.container.InputContainer:
        since, opening = time.monotonic(), profile(request)
        left_s = max(0.1, request["deadline"] - since)
        limit_s = min(left_s, self._read_timeout_s)
        try:
            opener: Any = None
            if request["kind"] == "http":
                opener = self._web = self._fetched(request)
            elif request["follow"]:
                opener = self._growing(opening.url, request)
            container = av.open(
                opening.url,
                "r",
                format=opening.format if self._web is None else self._web.format,
                options=opening.options,
                timeout=(left_s, self._read_timeout_s),
                metadata_errors="replace",
                io_open=opener,
            )
        except (av.error.FFmpegError, OSError, HTTPException, ValueError) as error:
            named_s = request["open_timeout_s"]
            raise self._errors.explain(error, "open", named_s, since, limit_s) from None
        if self._web is not None:
            self._web.opened()
        return container

    def _growing(self, whole: str, request: dict[str, Any]) -> Callable[..., Following]:
        """libav's ``io_open`` for a file that is still written."""

        def opened(url: str, _flags: int, _options: dict[str, Any]) -> Following:
            if url != whole:
                raise SourceError(
                    f"{self._name}: --follow: expected a file of video, found a list of others; "
                    "leave the option out",
                    code="unreadable",
                )
            return Following(request["url"], self._read_timeout_s)

        return opened

    def _fetched(self, request: dict[str, Any]) -> Web:
        own, allowed = endpoint(request["url"]), tuple((host, port) for host, port in request["allowed"])
        reach = Reach(self._name, own, allowed, proxies())
        return Web(
            request["url"],
            reach,
            timeout_s=self._read_timeout_s,  # not what is left for opening: it holds for the whole run
            deadline=request["deadline"],
            max_lag_s=request["max_lag_s"],
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
                yield self._placed(self._pictures.picture(frame, arrived))
        if not seen:
            errors = self._control.get("errors")
            raise SourceError(
                f"{self._name} holds a video stream but no picture could be decoded ({errors} errors); "
                f"it is damaged, cut short or larger than {MAX_PIXELS >> 20} megapixels",
                code="corrupt",
            )

    def _placed(self, picture: Picture) -> Picture:
        """With its place in a playlist, if there is one."""
        place = None
        if self._web is not None and picture.pts is not None:
            place = self._web.place(picture.pts, picture.arrived)
        if place is None:
            return picture
        return replace(picture, happened=picture.arrived - place.lag_s, behind=place.behind)

    def close(self) -> None:
        self._container.close()

    def _seek(self) -> float | None:
        """Goes to a key frame before ``start_at_s``; returns the media time to begin at."""
        if self._start_at_s <= 0:
            return None
        duration_s = self.info.duration_s
        if duration_s is not None and self._start_at_s >= duration_s:
            raise SourceError(
                f"{self._name} lasts {duration_s:.2f} s and has nothing at {self._start_at_s:g} s; "
                "choose an earlier moment",
                code="not_found",
            )
        target_us = (self._container.start_time or 0) + int(self._start_at_s * 1e6)
        if duration_s is not None:
            # Where it cannot seek, everything before the moment is decoded and passed over.
            self._await_key_frame = seeking.seek(self._container, self._stream, target_us)
        return target_us / 1e6

    def _packets(self) -> Packets:
        """(arrival time, frames) per packet; None for frames where decoding failed."""
        # Of a live source all streams: one that changes its codec may go on as one that was not there before.
        packets = self._container.demux(*([self._stream] if self._finite else []))
        while True:
            asked = time.monotonic()
            try:
                packet = next(packets, None)
            except (av.error.FFmpegError, OSError, HTTPException, ValueError) as error:
                if self._finite:  # a file that breaks off is played as far as it goes
                    self._control.add("errors")
                    packet = None
                else:
                    limit_s = self._read_timeout_s
                    raise self._errors.explain(error, "read", limit_s, asked, limit_s) from None
            if packet is None:
                return
            arrived = time.monotonic()
            if self._web is not None:
                self._control.set("segments", self._web.missing)
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
