"""The decoder child: reads one request, writes pictures into the ring, leaves when its parent does.

Messages are JSON, one per packet of a sequenced-packet socket. In: the request, then ``t`` for every
picture taken. Out: ``segment`` (with the file descriptor), ``info``, ``end``, ``error``.
"""

import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from stream.capture.decoding.confinement import confine, confine_files
from stream.capture.decoding.media_clock import Clock, MediaClock, Pacer
from stream.capture.picture import Picture, StreamInfo
from stream.capture.redact import hide_addresses
from stream.capture.shared_frames import Control, Meta, Segment
from stream.errors import SourceError, SourceTimeout
from stream.records import Image

# What releases a picture at live pace. Over HTTP a recording comes as fast as the line allows and a playlist
# in bursts of a segment, so both follow their media clock.
_CLOCKS: dict[str, Clock] = {
    "file": "media",
    "picture": "media",
    "demo": "media",
    "pattern": "media",
    "http": "network",
    "rtsp": "arrival",
    "rtmp": "arrival",
    "device": "arrival",
}
LONGEST_NAP_S = 0.5
GRACE_S = 0.5  # for a blocked decoder to notice that the parent has gone
MOST_MESSAGE = 1 << 16


class Publisher:
    """Puts pictures into the ring; ``waits`` for a free slot (fast) or writes over the oldest (live)."""

    def __init__(self, link: socket.socket, control: Control, wake: int, *, waits: bool) -> None:
        self._link, self._control, self._wake, self._waits = link, control, wake, waits
        self._segment: Segment | None = None
        self._moved = threading.Condition()
        self.stop = threading.Event()
        threading.Thread(target=self._listen, daemon=True).start()

    def publish(self, image: Image, meta: Meta) -> None:
        """Writes uint8 [H, W, 3] into the next slot and wakes the reader."""
        height, width = image.shape[:2]
        k = self._control.get("published")
        if self._segment is None or image.nbytes > self._segment.slot_bytes:
            self._segment = Segment.create(image.nbytes)
            shape = {"slots": self._segment.slots, "slot_bytes": self._segment.slot_bytes, "first": k}
            socket.send_fds(self._link, [json.dumps({"segment": shape}).encode()], [self._segment.fd])
            os.close(self._segment.fd)
        if self._waits:
            with self._moved:
                while k - self._control.get("taken") >= self._segment.slots and not self.stop.is_set():
                    self._moved.wait()
        if self.stop.is_set():
            return
        np.copyto(self._segment.begin(k, height, width), image)
        self._segment.commit(k, meta, height, width)
        self._control.set("published", k + 1)
        with suppress(BlockingIOError):  # full: the reader has enough to wake up from
            os.write(self._wake, b"w")

    def send(self, **message: Any) -> None:
        self._link.send(json.dumps(message).encode())

    def _listen(self) -> None:
        with suppress(ConnectionResetError):  # it left without reading all of ours
            while self._link.recv(64):
                with self._moved:
                    self._moved.notify()
        self.stop.set()
        with self._moved:
            self._moved.notify()
        time.sleep(GRACE_S)
        os._exit(0)


def run(request: dict[str, Any], publisher: Publisher, control: Control) -> None:
    """Opens what ``request`` names and publishes it to its end. Raises SourceError, SourceTimeout."""
    info, pictures = _open(request, control)
    rate = info.fps if info.fps and 0.1 <= info.fps <= 1000 else 25.0
    clock = _CLOCKS[request["kind"]]
    media = MediaClock(rate, live=clock != "media")
    if request["follow"]:
        clock = "network"  # what is written late comes late
    pacer = Pacer(clock, rate)
    announced = False
    for picture in pictures:
        if publisher.stop.is_set():
            return
        index = control.get("decoded")
        control.add("decoded")
        control.add("progress")
        pts, epoch = media.push(picture.pts, picture.size, picture.arrived)
        if picture.behind and request["pace"] == "live":
            control.add("behind")
            pacer.restart()
            continue
        due = pacer.due(pts, epoch, picture.arrived)
        if picture.corrupt:
            control.add("corrupt")
            continue
        if not announced:
            height, width = picture.size
            publisher.send(info=asdict(replace(info, height=height, width=width)))
            announced = True
        if request["pace"] == "fast":
            publisher.publish(picture.render(), Meta(index, pts, picture.arrived, epoch, picture.happened))
        elif pacer.late(due, time.monotonic()):
            control.add("late")
        else:
            image = picture.render()
            while (early := due - time.monotonic()) > 0 and not publisher.stop.wait(
                min(early, LONGEST_NAP_S)
            ):
                control.add("progress")  # waiting on purpose is no stall
            publisher.publish(image, Meta(index, pts, due, epoch, picture.happened))


def _open(request: dict[str, Any], control: Control) -> tuple[StreamInfo, Iterator[Picture]]:
    if request["kind"] == "pattern":
        from stream.capture.decoding import pattern

        return pattern.INFO, pattern.pictures(request["start_at_s"])
    from stream.capture.decoding.decoder import Decoder  # here, so that the test picture needs no libav

    decoder = Decoder(request, control)
    return decoder.info, decoder.pictures()


def main(link_fd: int, control_fd: int, wake_fd: int) -> None:
    """Entry point of the process; always leaves through ``os._exit`` so that nothing can hold it back."""
    confine()
    link = socket.socket(fileno=link_fd)
    control = Control(control_fd)
    data = link.recv(MOST_MESSAGE)
    if not data:
        os._exit(0)
    request = json.loads(data)
    confine_files(request)  # before a thread is started that it would not hold
    publisher = Publisher(link, control, wake_fd, waits=request["pace"] == "fast")
    with suppress(OSError):  # the parent has gone
        try:
            run(request, publisher, control)
            control.set("ended", 1)
            publisher.send(end=True)
        except SourceError as error:
            publisher.send(error=str(error), timeout=isinstance(error, SourceTimeout), code=error.code)
        except Exception as error:  # the rim of the process: whatever broke is said, not printed
            reason = hide_addresses(str(error).replace(request["url"], "it"))
            sentence = f"{request['name']}: the decoder failed ({reason}); report it with the source"
            publisher.send(error=sentence, timeout=False, code="broke_off")
    os._exit(0)
