"""Full mode: which graphs an update asks, and what they are given; the graphs stand in."""

from typing import Any

import numpy as np
import pytest

from stream.branches.full_mode import FullMode
from stream.branches.text import Pieces
from stream.bundle.load import Bundle
from stream.records import Portrait, Pose
from stream.skeleton import COUNT
from stream.window.window import Window

E = 64  # of the demo bundle


class GraphStandIn:
    """Gives a constant; keeps what it was asked."""

    def __init__(self, value: float, width: int = E) -> None:
        self.value, self.width = value, width
        self.asked: list[dict[str, np.ndarray]] = []
        self.warmed = 0

    def __call__(self, **inputs: np.ndarray) -> tuple[np.ndarray, ...]:
        self.asked.append(inputs)
        return (np.full((1, self.width), self.value, np.float32),)

    def warm_up(self) -> None:
        self.warmed += 1


@pytest.fixture
def graphs() -> dict[str, GraphStandIn]:
    values = {"keypoints": 1.0, "image": 2.0, "text": 3.0}
    return {**{name: GraphStandIn(v) for name, v in values.items()}, "fusion": GraphStandIn(0.25, 1)}


@pytest.fixture
def mode(bundle: Bundle, graphs: Any) -> FullMode:
    return FullMode(bundle, runners=graphs)


def window(bundle: Bundle, *, person: bool = True, feature: bool = True) -> Any:
    """The view of a window of one tick."""
    found = Window(bundle.manifest.window, 96)
    pose = Pose(np.full((COUNT, 2), 50, np.float32), np.ones(COUNT, np.bool_))
    found.push(0, Portrait((0, 0, 99, 99), 1.0), pose) if person else found.push(0, None, None)
    if feature:
        found.put_feature(0, np.ones(96, np.float32))
    return found.read(0)


@pytest.mark.parametrize("person", [True, False])
@pytest.mark.parametrize("feature", [True, False])
@pytest.mark.parametrize("told", [True, False])
def test_only_branches_that_have_something_to_read_are_asked(
    bundle: Bundle, mode: FullMode, graphs: Any, person: bool, feature: bool, told: bool
) -> None:
    text = np.full((1, E), 9, np.float32) if told else None
    found = mode.vectors(window(bundle, person=person, feature=feature), text)
    expected = [name for name, there in (("keypoints", person), ("image", feature), ("text", told)) if there]
    assert list(found) == expected
    assert {name for name, graph in graphs.items() if graph.asked} == set(expected) - {"text"}
    if told:
        assert found["text"] is text, "a description is read once, by text()"


def test_graphs_are_given_the_whole_window_under_the_names_of_their_inputs(
    bundle: Bundle, mode: FullMode, graphs: Any
) -> None:
    mode.vectors(window(bundle))
    for name in ("keypoints", "image"):
        (asked,) = graphs[name].asked
        wanted = {t.name: tuple(t.shape) for t in bundle.manifest.modes["full"].branches[name].inputs}
        assert {tensor: array.shape for tensor, array in asked.items()} == wanted


@pytest.mark.parametrize("present", [(), ("keypoints",), ("image", "text"), ("keypoints", "image", "text")])
def test_an_absent_branch_is_marked_absent(mode: FullMode, graphs: Any, present: tuple[str, ...]) -> None:
    vectors = {name: np.full((1, E), 5, np.float32) for name in present}
    assert mode.fuse(vectors) == 0.25
    (asked,) = graphs["fusion"].asked
    assert asked["present"].tolist() == [[name in present for name in ("keypoints", "image", "text")]]
    for name in ("keypoints", "image", "text"):
        assert (asked[name] == (5 if name in present else 0)).all()


def test_a_description_is_given_with_its_mask(mode: FullMode, graphs: Any) -> None:
    pieces = Pieces(np.array([[2, 7, 0]]), np.array([[True, True, False]]))
    assert (mode.text(pieces) == 3.0).all()
    (asked,) = graphs["text"].asked
    assert asked["ids"] is pieces.ids
    assert asked["ids_mask"] is pieces.mask


def test_warming_up_runs_all_that_an_update_runs_and_not_the_text(mode: FullMode, graphs: Any) -> None:
    mode.warm_up()
    assert {name: graph.warmed for name, graph in graphs.items()} == {
        "keypoints": 1,
        "image": 1,
        "text": 0,
        "fusion": 1,
    }


def test_nothing_is_remembered(mode: FullMode) -> None:
    assert (mode.memory_start(), mode.has_missed(0)) == (0, False)


def test_of_a_ring_mode_the_stepped_branches_are_not_read_from_the_window(
    bundle: Bundle, graphs: Any
) -> None:
    whole = FullMode(bundle, runners=graphs, name="ring")
    assert whole.vectors(window(bundle)) == {}
    assert not graphs["keypoints"].asked
