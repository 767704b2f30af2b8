"""When a hand is looked for, and where; the networks stand in."""

from typing import Any

import numpy as np
import pytest

from stream.frontend.mediapipe.hands import COUNT, LEFT, PRESENCE, RIGHT, WRIST_VISIBLE, HandStage
from stream.geometry import Region

IMAGE = np.zeros((480, 640, 3), np.uint8)


class Networks:
    """Both views: where they were sent, and what they answer."""

    def __init__(self, presence: float = 0.9) -> None:
        self.presence = presence
        self.recropped: list[Region] = []
        self.looked: list[Region] = []
        self.recrop: Any = self._view(self._recrop)
        self.hand: Any = self._view(self._hand)

    def _view(self, call: Any) -> Any:
        class View:
            def __call__(self, image: np.ndarray, region: Region) -> list[np.ndarray]:
                return call(region)

            def back(self, points: np.ndarray) -> np.ndarray:
                return points

        return View()

    def _recrop(self, region: Region) -> list[np.ndarray]:
        self.recropped.append(region)
        return [np.array((region.cx, region.cy, region.cx, region.cy + 40), np.float32)]

    def _hand(self, region: Region) -> list[np.ndarray]:
        self.looked.append(region)
        points = np.zeros((COUNT, 3), np.float32)
        points[:, 0] = region.cx + np.linspace(-20, 20, COUNT)
        points[:, 1] = region.cy + np.linspace(20, -20, COUNT)
        return [points.reshape(-1), np.array((self.presence,), np.float32)]


def body(x: float = 300.0, y: float = 200.0) -> np.ndarray:
    points = np.zeros((33, 2), np.float32)
    for rows in (LEFT, RIGHT):
        points[list(rows)] = (x, y + 30), (x - 8, y), (x + 8, y)
    return points


def look(
    networks: Any, *, visible: float = 1.0, frame: tuple[int, int] | None = None, at: Any = (300.0, 200.0)
):
    return HandStage(networks, LEFT)(IMAGE, body(*at), np.full(33, visible, np.float32), frame)


def test_a_hand_is_21_points_and_its_presence() -> None:
    found = look(Networks())
    assert found is not None
    assert found.points.shape == (COUNT, 2)
    assert found.presence == pytest.approx(0.9)


def test_a_network_that_is_not_sure_sees_no_hand() -> None:
    assert look(Networks(presence=PRESENCE)) is None


def test_a_hidden_wrist_costs_no_network() -> None:
    networks = Networks()
    assert look(networks, visible=WRIST_VISIBLE) is None
    assert (networks.recropped, networks.looked) == ([], [])
    assert look(networks, visible=WRIST_VISIBLE + 0.01) is not None


@pytest.mark.parametrize(
    ("at", "looked"),
    [((300.0, 200.0), True), ((-20.0, 200.0), False), ((300.0, 490.0), False), ((650.0, 9.0), False)],
)
def test_a_hand_outside_of_the_frame_costs_no_network(at: tuple[float, float], looked: bool) -> None:
    networks = Networks()
    assert (look(networks, frame=(640, 480), at=at) is not None) == looked
    assert bool(networks.looked) == looked
    assert look(Networks(), at=at) is not None, "without the frame's size it is looked for everywhere"


def test_each_hand_has_its_own_wrist() -> None:
    visibility = np.zeros(33, np.float32)
    visibility[RIGHT[0]] = 1.0
    networks: Any = Networks()
    assert HandStage(networks, LEFT)(IMAGE, body(), visibility) is None
    assert HandStage(networks, RIGHT)(IMAGE, body(), visibility) is not None


def test_a_tracked_hand_is_not_corrected_again_until_reset() -> None:
    networks: Any = Networks()
    stage = HandStage(networks, LEFT)
    for _ in range(3):
        stage(IMAGE, body(), np.ones(33, np.float32))
    followed = len(networks.recropped)
    assert followed < len(networks.looked) == 3
    stage.reset()
    stage(IMAGE, body(), np.ones(33, np.float32))
    assert len(networks.recropped) == followed + 1


def test_no_points_are_kept_of_what_the_correction_missed() -> None:
    """The corrected region decides where the hand network looks, not the pose's rough one."""
    networks: Any = Networks()
    HandStage(networks, LEFT)(IMAGE, body(), np.ones(33, np.float32))
    (rough,), (fine,) = networks.recropped, networks.looked
    assert fine.width == pytest.approx(80)
    assert rough.width != pytest.approx(80)
