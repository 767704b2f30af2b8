"""Scenes are numbered: cuts of the portrait and jumps of the source, each counted once."""

import pytest

from stream.frontend.scenes import Scenes
from stream.records import Portrait

# What a frame shows: nobody, somebody who was there before, somebody behind a cut; J: the source jumped.
LOOKS = {"-": None, "p": False, "c": True}


def walk(story: str, scenes: Scenes | None = None) -> tuple[list[int], list[bool | None]]:
    """Scene and portrait's cut of each frame of a story such as ``p p Jc``."""
    scenes = scenes or Scenes()
    numbers, cuts = [], []
    for word in story.split():
        cut = LOOKS[word[-1]]
        portrait = None if cut is None else Portrait((0, 0, 9, 9), 1.0, cut)
        portrait, number = scenes.push(portrait, discontinuity=word.startswith("J"))
        numbers.append(number)
        cuts.append(None if portrait is None else portrait.cut)
    return numbers, cuts


@pytest.mark.parametrize(
    ("story", "numbers", "cuts"),
    [
        ("p p p", [0, 0, 0], [False, False, False]),
        ("p c p", [0, 1, 1], [False, True, False]),
        ("p Jc p", [0, 1, 1], [False, True, False]),  # one and the same cut
        ("p - - p", [0, 0, 0, 0], [False, None, None, False]),
        ("p - c", [0, 0, 1], [False, None, True]),
        ("p J- c", [0, 1, 1], [False, None, False]),  # counted when the source jumped
        ("p J- - - c c", [0, 1, 1, 1, 1, 2], [False, None, None, None, False, True]),
        ("p J- J- c", [0, 1, 2, 2], [False, None, None, False]),
        ("p J- Jc", [0, 1, 2], [False, None, True]),  # it jumped again with the portrait
        ("J- p c", [1, 1, 2], [None, False, True]),
    ],
)
def test_each_cut_counts_once(story: str, numbers: list[int], cuts: list[bool | None]) -> None:
    assert walk(story) == (numbers, cuts)


def test_another_stream_has_a_scene_of_its_own_and_owes_no_cut() -> None:
    scenes = Scenes()
    walk("p J-", scenes)
    scenes.reset()
    assert walk("c", scenes) == ([3], [True])
