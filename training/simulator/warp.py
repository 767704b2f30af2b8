"""An animated portrait: face and head warped by the actions of ``behaviour``.

The image is ``skimage.data.astronaut()``, a NASA portrait in the public domain. It is only a canvas: the
behaviour is made up and says nothing about the person shown. The anchor points were read off a fivefold
enlargement with a grid of 20 pixels.
"""

import math

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage import data

from stream.records import Floats, Image
from training.simulator.actions import ACTIONS, displacement
from training.simulator.performance import smooth
from training.simulator.person import ANCHORS

SIZE = (640, 480)  # width, height of a frame
PORTRAIT = 126  # pixels of the square portrait that the demo's image encoder reads: 9×9 patches of 14
COARSE = 8  # displacement is computed on every 8th pixel and interpolated
PAD = 120  # pixels of synthetic background around the portrait: mirrored at the sides, replicated at the top
FINE = 2  # the portrait is enlarged once, so that sub-pixel motion does not alternately blur and sharpen it

_PUPILS = ((204.0, 101.5), (247.0, 103.5))  # pixels of the 512×512 portrait
_SPOTS = {
    "right_brow": (201.0, 91.0), "left_brow": (248.0, 93.0),
    "mouth_right": (203.5, 140.0), "mouth_left": (245.0, 141.0),
    "upper_lip": (223.5, 142.0), "lower_lip": (223.0, 153.0),
    "chin": (221.0, 178.0), "neck": (221.0, 196.0),
    "right_shoulder": (108.0, 236.0), "left_shoulder": (318.0, 250.0),
}  # fmt: skip


def _face_frame() -> tuple[Floats, Floats]:
    """Origin (pixels) and the 2×2 matrix that takes face units to portrait pixels."""
    right, left = np.array(_PUPILS, np.float32)
    across = left - right
    return (right + left) / 2, np.stack([across, np.array([-across[1], across[0]], np.float32)], 1)


ORIGIN, AXES = _face_frame()


def _anchors() -> dict[str, tuple[float, float]]:
    inverse = np.linalg.inv(AXES)
    own = {name: inverse @ (np.array(spot, np.float32) - ORIGIN) for name, spot in _SPOTS.items()}
    return {**ANCHORS, **{name: (float(u[0]), float(u[1])) for name, u in own.items()}}


PORTRAIT_ANCHORS = _anchors()


class Performer:
    """Renders one person; ``seed`` None is the original portrait, any number a variation of it.

    Variations mirror, stretch, shift, zoom and tint the image and change its resting expression.
    """

    def __init__(self, seed: int | None = None, size: tuple[int, int] = SIZE) -> None:
        self.size = size
        self.rng = np.random.default_rng([0 if seed is None else seed + 1, 26])
        varied = seed is not None
        canvas = _tinted(data.astronaut(), self.rng if varied else None)
        canvas = cv2.copyMakeBorder(canvas, 0, 0, PAD, PAD, cv2.BORDER_REFLECT_101)
        canvas = cv2.copyMakeBorder(canvas, PAD, 0, 0, 0, cv2.BORDER_REPLICATE)
        self._canvas = cv2.resize(canvas, None, fx=FINE, fy=FINE, interpolation=cv2.INTER_LANCZOS4)
        self._to_frame = self._framing(varied)  # float32 [2, 3], portrait pixels → frame pixels
        inverse = cv2.invertAffineTransform(self._to_frame)
        width, height = size
        grid = _grid(width, height)
        self._rest = (grid @ inverse[:, :2].T + inverse[:, 2] + PAD).astype(np.float32) * FINE
        coarse = cv2.resize(self._rest, (width // COARSE, height // COARSE), interpolation=cv2.INTER_AREA)
        at = (coarse / FINE - PAD - ORIGIN) @ np.linalg.inv(AXES).T.astype(np.float32)
        lean = np.zeros_like(at)
        lean[..., 0] = np.clip((8.0 - at[..., 1]) / 8.0, 0, 1) * np.exp(-((at[..., 0] / 6.0) ** 4))
        moved = np.stack([*(displacement(a, at, PORTRAIT_ANCHORS) for a in ACTIONS), lean])
        self._fields = (moved @ AXES.T * FINE).astype(np.float32).reshape(len(moved), -1)
        resting = self.rng.normal(0, 0.008, len(ACTIONS)) if varied else np.zeros(len(ACTIONS))
        self.resting: Floats = resting.astype(np.float32)  # activations of the resting expression, [A]
        self._noise = self.rng.normal(0, 1, (height + 64, width + 64, 3)).astype(np.float32)

    def _framing(self, varied: bool) -> Floats:
        """Head and chest in the middle of the frame, as at a press conference."""
        width, height = self.size
        zoom, aspect, roll, dx, dy, flip = 1.25 * height / 480, 1.0, 0.0, 0.0, 0.0, 1.0
        if varied:
            zoom *= self.rng.uniform(0.85, 1.3)
            aspect = self.rng.uniform(0.97, 1.03)
            roll = math.radians(self.rng.normal(0, 1.0))
            dx, dy = self.rng.normal(0, 0.04) * width, self.rng.uniform(-0.03, 0.08) * height
            flip = -1.0 if self.rng.random() < 0.15 else 1.0
        turn = np.array([[math.cos(roll), -math.sin(roll)], [math.sin(roll), math.cos(roll)]])
        linear = turn @ np.diag([flip * zoom * aspect, zoom])
        target = np.array([0.45 * width + dx, 0.34 * height + dy])
        return np.column_stack([linear, target - linear @ ORIGIN]).astype(np.float32)

    def to_frame(self, points: Floats) -> Floats:
        """Frame pixels of points in face units, [..., 2], of the portrait at rest."""
        portrait: Floats = points @ AXES.T + ORIGIN
        pixels: Floats = portrait @ self._to_frame[:, :2].T + self._to_frame[:, 2]
        return pixels

    @property
    def unit_px(self) -> float:
        """Frame pixels per face unit."""
        return float(np.linalg.norm(self._to_frame[:, :2] @ AXES[:, 0]))

    def __call__(
        self, activation: Floats, sway: Floats, shake: Floats | tuple[float, float] = (0, 0)
    ) -> Image:
        """A clean frame, uint8 [H, W, 3]; activation [A], sway [4], both in face units; shake in pixels."""
        moved = self._moved(activation, sway)
        # Inverse warp: from frame pixels to canvas pixels; the shake moves the whole image.
        moved += np.asarray(shake, np.float32) * FINE / 1.25
        back = self._rest - cv2.resize(moved, self.size, interpolation=cv2.INTER_LINEAR)
        drawn: Image = cv2.remap(self._canvas, back, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return drawn

    def _moved(self, activation: Floats, sway: Floats) -> Floats:
        """Displacement on the coarse grid, canvas pixels, [H/COARSE, W/COARSE, 2]."""
        weights = np.append(activation + self.resting, sway[3]).astype(np.float32)
        for column, value in zip(_RIGID, sway[:3], strict=True):
            weights[column] += value
        return (weights @ self._fields).reshape(self.size[1] // COARSE, self.size[0] // COARSE, 2)

    def motion(self, activation: Floats, sway: Floats, at: Floats | NDArray[np.float64]) -> Floats:
        """Displacement in face units at frame pixels ``at`` [..., 2], nearest coarse cell."""
        moved = self._moved(activation, sway) / FINE @ np.linalg.inv(AXES).T.astype(np.float32)
        column, row = np.clip((at // COARSE).astype(int), 0, np.array(moved.shape[1::-1]) - 1).transpose(
            -1, *range(at.ndim - 1)
        )
        here: Floats = moved[row, column]
        return here

    def noisy(self, image: Image, rng: np.random.Generator, std: float = 2.5) -> Image:
        """Add sensor noise and slight flicker; ``std`` in grey levels."""
        height, width = image.shape[:2]
        y, x = rng.integers(0, 64, 2)
        gain = np.float32(1 + 0.003 * rng.standard_normal())
        grain = self._noise[y : y + height, x : x + width]
        grained = cv2.addWeighted(image.astype(np.float32), float(gain), grain, std, 0.5)
        shown: Image = grained.clip(0, 255).astype(np.uint8)
        return shown


_RIGID = [[a.name for a in ACTIONS].index(name) for name in ("head_turn", "nod", "head_tilt")]


def camera_shake(ticks: int, rng: np.random.Generator, std_px: float = 0.35) -> Floats:
    """Slow tremor of the camera, float32 [T, 2], pixels."""
    return (std_px * smooth(ticks, 2, 12.0, rng)).astype(np.float32)


def _grid(width: int, height: int) -> Floats:
    return np.stack(np.meshgrid(np.arange(width), np.arange(height)), -1).astype(np.float32)


def _tinted(picture: Image, rng: np.random.Generator | None) -> Image:
    """The image in another light and other colours, or unchanged without ``rng``."""
    if rng is None:
        return picture
    hsv = cv2.cvtColor(picture, cv2.COLOR_RGB2HSV).astype(np.float32)
    hsv[..., 0] = (hsv[..., 0] + rng.uniform(-4, 4)) % 180
    hsv[..., 1] *= rng.uniform(0.8, 1.1)
    hsv[..., 2] = 255 * (hsv[..., 2] / 255) ** rng.uniform(0.88, 1.14)
    tinted = cv2.cvtColor(hsv.clip(0, 255).astype(np.uint8), cv2.COLOR_HSV2RGB).astype(np.float32)
    side = np.linspace(-1, 1, picture.shape[1], dtype=np.float32)[None, :, None]
    light = rng.uniform(0.88, 1.08) * (1 + rng.uniform(-0.1, 0.1) * side)
    lit: Image = (tinted * light * rng.uniform(0.97, 1.03, 3)).clip(0, 255).astype(np.uint8)
    return lit
