"""33 body points and the region to search for them in the next frame.

Constants from the expanded graph of MediaPipe Holistic 0.10.21 (PoseLandmarkByRoiCpu,
TensorsToPoseLandmarksAndSegmentation, PoseLandmarksToRoi); refinement from
``refine_landmarks_from_heatmap_calculator.cc``.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stream.frontend.mediapipe.crop_network import Meter, View
from stream.frontend.mediapipe.litert import Network
from stream.frontend.mediapipe.regions import aligned
from stream.frontend.tracking import Tracking
from stream.geometry import Halves, Region
from stream.records import Floats, Image

COUNT = 33
PRESENCE = 0.5
GROWTH = 1.25

_USED = COUNT + 2  # the two auxiliary points behind the body give the next region
_CELLS = 64  # the heat map's side
_KERNEL = np.arange(-4, 5)  # 9 cells: the graph says 7, but 9 is what its output shows, to the last digit
_ONES = np.ones(9, np.float32)
_CHANNEL = np.arange(_USED)[:, None, None]
_CONFIDENT = 0.5
_HOLD = Tracking(degrees=4, translation=0.04, scale=0.06, margin=0)


@dataclass(frozen=True, slots=True, eq=False)
class Body:
    """Output of the pose network for one frame."""

    points: Floats  # float32 [33, 2], pixels of the frame, MediaPipe's order; also outside of the frame
    visibility: Floats  # float32 [33], 0..1
    guides: Floats  # float32 [2, 2], middle of the hips and a point on the circle around the person
    presence: float  # 0..1


class PoseStage:
    """Picture and region → `Body`, or None if the network sees nobody there; stateless."""

    def __init__(self, folder: Path, meter: Meter, threads: int) -> None:
        network = Network(
            folder / "pose_landmark_full.tflite",
            size=256,
            outputs=((1, 195), (1, 1), None, (1, _CELLS, _CELLS, 39), None),  # no segmentation, no 3-D
            threads=threads,
        )
        self._view = View(network, meter)
        self._scale = np.float32(network.size / _CELLS)

    def __call__(self, image: Image | Halves, region: Region) -> Body | None:
        flat, presence, heat = self._view(image, region)
        if presence[0] <= PRESENCE:
            return None
        values = flat.reshape(-1, 5)[:_USED]
        cells = refine(values[:, :2] / self._scale, heat)
        points = self._view.back(cells * self._scale)
        visibility = np.asarray(1.0 / (1.0 + np.exp(-values[:COUNT, 3])), np.float32)
        return Body(points[:COUNT], visibility, points[COUNT:], float(presence[0]))


def region_from(guides: Floats) -> Region:
    """The region that the two guide points span."""
    return aligned(guides[0], guides[1], 90.0).scaled(GROWTH)


def next_region(region: Region, guides: Floats) -> Region:
    """The next frame's region: unchanged until the person has moved out of a small band.

    The network reacts to the smallest change of its crop, and the crop depends on the network's output. If
    the region always followed (or was smoothed, as in MediaPipe), the points of a person who sits still would
    never come to rest.
    """
    wanted = region_from(guides)
    return region if _HOLD.near(region, wanted) else wanted


def refine(cells: Floats, heat: Floats) -> Floats:
    """Points [N, 2] in heat-map cells, moved to the weighted centre of the 9×9 cells around them.

    A point is moved if the heat map [64, 64, ≥N] (logits) is confident enough there, and left unchanged if
    its cell lies outside the map. Cells beyond the edge are ignored.
    """
    cell = cells.astype(np.int32)  # towards zero, as the source casts
    columns = cell[:, 0, None] + _KERNEL
    rows = cell[:, 1, None] + _KERNEL
    inside_x = (columns >= 0) & (columns < _CELLS)
    inside_y = (rows >= 0) & (rows < _CELLS)
    logits = heat[
        rows.clip(0, _CELLS - 1)[:, :, None], columns.clip(0, _CELLS - 1)[:, None, :], _CHANNEL[: len(cells)]
    ]
    weights = (inside_y[:, :, None] & inside_x[:, None, :]) / (1.0 + np.exp(-logits))
    # Matrix products instead of sums over short axes, which are slow in NumPy.
    over_rows, over_columns = weights @ _ONES, _ONES @ weights
    total = over_columns @ _ONES
    sure = weights.reshape(len(cells), -1).max(axis=1) >= _CONFIDENT
    moved = sure & (cell[:, 0] >= 0) & (cell[:, 1] >= 0) & (cell[:, 0] < _CELLS)
    total[~moved] = 1.0
    middle = np.empty((len(cells), 2), np.float32)
    np.einsum("nk,nk->n", over_columns, columns.astype(np.float32), out=middle[:, 0])
    np.einsum("nk,nk->n", over_rows, rows.astype(np.float32), out=middle[:, 1])
    return np.where(moved[:, None], middle / total[:, None], cells).astype(np.float32)
