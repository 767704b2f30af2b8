"""A network on a region of a picture: what it is shown, its points taken back, and the bill."""

from typing import Any

import numpy as np
import pytest

from stream.frontend.mediapipe.crop_network import Meter, View
from stream.geometry import Halves, Region


class NetworkStandIn:
    """Keeps the crops that it is shown."""

    def __init__(self, name: str = "hand", size: int = 8, ms: float = 2.0) -> None:
        self.name, self.size, self.ms = name, size, ms
        self.calls: list[tuple[np.ndarray, float, float]] = []

    def __call__(self, crop: np.ndarray, low: float, high: float) -> list[np.ndarray]:
        self.calls.append((crop.copy(), low, high))
        return [np.zeros(1, np.float32)]


def picture() -> np.ndarray:
    """uint8 [40, 60, 3]: red is the column, green the row."""
    rows, columns = np.mgrid[:40, :60].astype(np.uint8)
    return np.stack([columns, rows, np.zeros_like(rows)], axis=-1)


def view(network: Any, meter: Meter | None = None, **options: Any) -> View:
    return View(network, meter or Meter(), **options)


def test_the_crop_is_the_region_at_the_network_s_size_and_range() -> None:
    network = NetworkStandIn()
    view(network, low=-1.0, high=1.0)(picture(), Region(24, 14, 8, 8))
    ((crop, low, high),) = network.calls
    assert (crop.shape, low, high) == ((8, 8, 3), -1.0, 1.0)
    np.testing.assert_array_equal(crop, picture()[10:18, 20:28])


def test_mirrored_shows_the_other_side_and_points_come_back_all_the_same() -> None:
    network = NetworkStandIn()
    look = view(network)
    look(picture(), Region(24, 14, 8, 8), mirrored=True)
    crop = network.calls[0][0]
    assert crop[0, 1, 0] > crop[0, 6, 0], "columns run leftward"
    np.testing.assert_allclose(look.back(np.array(((0, 0), (8, 8)), np.float32)), ((28, 10), (20, 18)))


@pytest.mark.parametrize("rotation", [0.0, 0.7, -2.0])
def test_points_come_back_to_the_region_of_the_last_call(rotation: float) -> None:
    look = view(NetworkStandIn())
    look(picture(), Region(5, 5, 3, 3))
    look(picture(), Region(24, 14, 16, 16, rotation))
    np.testing.assert_allclose(look.back(np.array((4, 4), np.float32)), (24, 14), atol=1e-5)


@pytest.mark.parametrize(("border", "outside"), [("replicate", 39), ("zero", 0)])
def test_beyond_the_frame(border: Any, outside: int) -> None:
    network = NetworkStandIn()
    view(network, border=border)(picture(), Region(24, 44, 8, 8))
    assert network.calls[0][0][-1, 4, 1] == outside


def test_a_large_region_is_averaged_when_halves_are_at_hand() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    network = NetworkStandIn()
    look = view(network)
    look(noise, Region(32, 32, 64, 64))
    look(Halves(noise), Region(32, 32, 64, 64))
    plain, averaged = (crop.std() for crop, _, _ in network.calls)
    assert averaged < plain / 3


def test_the_meter_adds_up_by_name_and_starts_again() -> None:
    meter = Meter()
    hand, face = NetworkStandIn("hand", ms=2.0), NetworkStandIn("face", ms=5.0)
    for network in (hand, hand, face):
        view(network, meter)(picture(), Region(24, 14, 8, 8))
    assert meter.networks == {"hand": 4.0, "face": 5.0}
    assert meter.network_ms == 9.0
    assert meter.warp_ms > 0
    meter.clear()
    assert (meter.networks, meter.network_ms, meter.warp_ms) == ({}, 0, 0.0)
