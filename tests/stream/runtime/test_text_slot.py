"""The newest description: of this scene, not older than the window, read once."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from stream.runtime.text_slot import TextSlot


class Reader:
    """Stands in for the tokenizer and the text network; counts its readings."""

    def __init__(self) -> None:
        self.read: list[str] = []

    def __call__(self, description: str) -> str:
        self.read.append(description)
        return description

    def text(self, pieces: str) -> np.ndarray:
        return np.full((1, 4), len(pieces), np.float32)


@pytest.fixture
def reader() -> Reader:
    return Reader()


@pytest.fixture
def slot(reader: Reader) -> TextSlot:
    found = TextSlot(reader, reach_s=160.0)  # type: ignore[arg-type]
    found.put("nods", 10.0, 2, reader)  # type: ignore[arg-type]
    return found


@pytest.mark.parametrize(
    ("pts", "scene", "there"),
    [(10.0, 2, True), (170.0, 2, True), (170.1, 2, False), (11.0, 3, False), (11.0, 1, False)],
)
def test_a_description_holds_for_its_scene_and_the_window(
    slot: TextSlot, pts: float, scene: int, there: bool
) -> None:
    found = slot.at(pts, scene)
    assert (found is not None) == there
    if found is not None:
        assert (found.pts, found.vector[0, 0]) == (10.0, 4)


def test_it_is_read_once_however_often_it_is_asked_for(slot: TextSlot, reader: Reader) -> None:
    for _ in range(5):
        slot.at(20.0, 2)
    assert reader.read == ["nods"]


@pytest.mark.parametrize("description", [None, ""])
def test_nothing_takes_the_last_one_away(slot: TextSlot, reader: Any, description: str | None) -> None:
    slot.put(description, 12.0, 2, reader)
    assert slot.at(12.0, 2) is None
    assert reader.read == ["nods"]


def test_cleared_is_gone(slot: TextSlot) -> None:
    slot.clear()
    assert slot.at(10.0, 2) is None


def test_a_bundle_without_a_text_branch_ignores_descriptions() -> None:
    slot = TextSlot(None, reach_s=160.0)
    slot.put("nods", 10.0, 2, SimpleNamespace())  # type: ignore[arg-type]
    assert slot.at(10.0, 2) is None
