"""A network with the crop it runs on, and the time both take."""

import time

import numpy as np

from stream.frontend.mediapipe.litert import Network
from stream.geometry import Border, Halves, Matrix, Region, Sampler, affine, apply
from stream.records import Floats, Image


class Meter:
    """Milliseconds since the last `clear`, separately for networks and warps."""

    def __init__(self) -> None:
        self.networks: dict[str, float] = {}
        self.warp_ms = 0.0

    @property
    def network_ms(self) -> float:
        return sum(self.networks.values())

    def clear(self) -> None:
        self.networks.clear()
        self.warp_ms = 0.0

    def add(self, network: Network, warp_ms: float) -> None:
        self.networks[network.name] = self.networks.get(network.name, 0.0) + network.ms
        self.warp_ms += warp_ms


class View:
    """Runs a network on a region of a picture and maps its points back to the frame."""

    def __init__(
        self,
        network: Network,
        meter: Meter,
        *,
        low: float = 0.0,
        high: float = 1.0,
        border: Border = "replicate",
    ) -> None:
        self._network = network
        self._meter = meter
        self._low, self._high = low, high
        self._sample = Sampler((network.size, network.size), border)
        self._matrix: Matrix = np.zeros((2, 3))

    def __call__(self, image: Image | Halves, region: Region, *, mirrored: bool = False) -> list[Floats]:
        """The network's outputs for the region: views that must be dropped before the next call."""
        started = time.perf_counter()
        self._matrix = affine(region, self._sample.size, mirrored=mirrored)
        if isinstance(image, Halves):
            crop = self._sample.quick(*image.fitting(self._matrix))
        else:
            crop = self._sample(image, self._matrix)
        warp_ms = 1e3 * (time.perf_counter() - started)
        outputs = self._network(crop, self._low, self._high)
        self._meter.add(self._network, warp_ms)
        return outputs

    def back(self, points: Floats) -> Floats:
        """Points [..., 2] in pixels of the last crop → pixels of its frame."""
        return apply(self._matrix, points)
