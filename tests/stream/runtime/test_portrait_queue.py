"""Portraits between the lanes: the first of each slot, and what is dropped is counted, for a while."""

from types import SimpleNamespace

import numpy as np
import pytest

from stream.records import Frame, Portrait
from stream.runtime import portrait_queue
from stream.runtime.portrait_queue import PortraitQueue

FRAME = Frame(0, 0.0, 0.0, np.zeros((40, 40, 3), np.uint8))
PORTRAIT = Portrait((0.0, 0.0, 20.0, 20.0), 1.0)


class Encoder:
    spec = SimpleNamespace(size=8)

    def __call__(self, crop: np.ndarray) -> np.ndarray:
        assert crop.shape == (8, 8, 3)
        return np.ones(3, np.float32)


class Window:
    def __init__(self) -> None:
        self.put: list[tuple[int, int]] = []

    def put_feature(self, slot: int, feature: np.ndarray, tick: int) -> None:
        self.put.append((slot, tick))


def filled(ticks: range) -> PortraitQueue:
    queue = PortraitQueue(Encoder(), stride=5)  # type: ignore[arg-type]
    for tick in ticks:
        if queue.wants(tick):
            queue.offer(tick, FRAME, PORTRAIT)
    return queue


def test_the_first_portrait_of_a_slot_is_encoded_up_to_the_tick() -> None:
    queue, window = filled(range(2, 23)), Window()
    assert queue.encode(window, 12) == 3  # type: ignore[arg-type]
    assert window.put == [(0, 2), (1, 5), (2, 10)]
    assert queue.encode(window, 100) == 2  # type: ignore[arg-type]


def test_one_hiccup_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was dropped long ago says nothing about now."""
    monkeypatch.setattr(portrait_queue, "PENDING", 3)
    queue = filled(range(40))
    assert queue.shed == 8 - 3
    assert queue.shed_since(0) == 3, "no more of them are remembered than may wait"
    assert queue.shed_since(20) == 1  # the portraits of ticks 0, 5, 10, 15 and 20 were dropped
    assert queue.shed_since(21) == 0
    queue.reset()
    assert (queue.shed, queue.shed_since(0)) == (0, 0)


def test_every_second_slot_while_load_is_shed() -> None:
    queue, window = PortraitQueue(Encoder(), stride=5), Window()  # type: ignore[arg-type]
    for tick in range(60):
        queue.every = 2 if 20 <= tick < 40 else 1
        if queue.wants(tick):
            queue.offer(tick, FRAME, PORTRAIT)
    assert queue.waiting == 10
    queue.encode(window, 60)  # type: ignore[arg-type]
    assert [slot for slot, _ in window.put] == [0, 1, 2, 3, 4, 6, 8, 9, 10, 11]
    assert queue.waiting == 0
