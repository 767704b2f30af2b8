"""Portraits on their way from the fast lane, which crops them, to the slow lane, which encodes them."""

import threading
from collections import deque
from dataclasses import dataclass

from stream.branches.image import ImageEncoder, crop_portrait
from stream.records import Frame, Image, Portrait
from stream.window.window import Window

PENDING = 250  # portraits that may wait for the encoder (50 s of them)


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    tick: int
    slot: int
    crop: Image  # uint8 [S, S, 3]


class PortraitQueue:
    """The first portrait of each feature slot. ``offer`` is the fast lane's, ``encode`` the slow lane's."""

    def __init__(self, encoder: ImageEncoder, stride: int) -> None:
        self.encoder = encoder
        self._stride = stride
        self._lock = threading.Lock()
        self._waiting: deque[_Waiting] = deque()
        self._shed: deque[int] = deque(maxlen=PENDING)  # ticks of portraits that were dropped, newest last
        self.shed = 0  # dropped since the start
        self._claimed = -1  # newest slot that has its portrait
        self.every = 1  # only every so many slots get one

    def reset(self) -> None:
        with self._lock:
            self._waiting.clear()
            self._shed.clear()
            self.shed, self._claimed = 0, -1

    def wants(self, tick: int) -> bool:
        """Whether the tick's slot has no portrait yet, and is to have one."""
        slot = tick // self._stride
        return slot > self._claimed and slot % self.every == 0

    @property
    def waiting(self) -> int:
        """Portraits that wait for the encoder."""
        return len(self._waiting)

    def offer(self, tick: int, frame: Frame, portrait: Portrait) -> None:
        """Crop and keep a portrait; the oldest one is dropped, and counted, when too many wait."""
        self._claimed = tick // self._stride
        crop = crop_portrait(frame.image, portrait, self.encoder.spec.size)
        with self._lock:
            self._waiting.append(_Waiting(tick, self._claimed, crop))
            if len(self._waiting) > PENDING:
                self._shed.append(self._waiting.popleft().tick)
                self.shed += 1

    def encode(self, window: Window, tick: int) -> int:
        """Encode the portraits of ticks ≤ ``tick`` into the window; returns how many."""
        done = 0
        while (waiting := self._next(tick)) is not None:
            window.put_feature(waiting.slot, self.encoder(waiting.crop), waiting.tick)
            done += 1
        return done

    def _next(self, tick: int) -> _Waiting | None:
        with self._lock:
            return self._waiting.popleft() if self._waiting and self._waiting[0].tick <= tick else None

    def shed_since(self, tick: int) -> int:
        """Portraits of ticks ≥ ``tick`` that were dropped, as far as `PENDING` of them are remembered."""
        with self._lock:
            return sum(dropped >= tick for dropped in self._shed)
