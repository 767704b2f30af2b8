"""Simulated portraits to train the image encoder: crops as the live side makes them, with their actions."""

from dataclasses import dataclass

import cv2
import numpy as np

from stream.branches.image import crop_portrait
from stream.records import Floats, Image, Portrait
from training.simulator.actions import ACTIONS, NAMES
from training.simulator.behaviour import DEMO
from training.simulator.performance import amplitudes
from training.simulator.warp import PORTRAIT, Performer

SIZE = PORTRAIT
PATCHES = (SIZE // 14) ** 2
MOTION = 0.03  # face units
# The subject stage's box, from head to hips with elbows, in face units; x is mirrored with the person.
PORTRAIT_BOX = (-3.30, -2.00, 2.65, 8.0)
TARGETS = tuple(name for name in NAMES if name != "shrug")
_COLUMNS = [NAMES.index(name) for name in TARGETS]
_RIGID = [NAMES.index(name) for name in ("head_turn", "nod", "head_tilt")]  # slow head motion adds to these


@dataclass(frozen=True, slots=True, eq=False)
class Crops:
    """Portraits and the actions that they show."""

    images: Image  # uint8 [N, SIZE, SIZE, 3]
    targets: Floats  # float32 [N, len(TARGETS)], 1 = the demo's full burst
    motion: Floats  # float32 [N, PATCHES, 2], displacement at each patch's centre, MOTION face units


def crops_of(performer: Performer, n: int, rng: np.random.Generator) -> Crops:
    """``n`` independent moments of one person, cropped as on the live side, with jitter."""
    peaks = amplitudes(DEMO)
    images = np.empty((n, SIZE, SIZE, 3), np.uint8)
    targets = np.empty((n, len(TARGETS)), np.float32)
    motion = np.empty((n, PATCHES, 2), np.float32)
    centres = (np.stack(np.meshgrid(*2 * [np.arange(SIZE // 14)]), -1).reshape(-1, 2) + 0.5) * 14 / SIZE
    for i in range(n):
        shown = rng.random(len(ACTIONS)) < 0.35
        activation = (shown * rng.uniform(0, 1.4, len(ACTIONS)) * peaks).astype(np.float32)
        activation[_RIGID] *= rng.choice((-1, 1), 3)
        sway = (rng.standard_normal(4) * (0.03, 0.025, 0.012, 0.05)).astype(np.float32)
        frame = performer.noisy(performer(activation, sway), rng, float(rng.uniform(0.5, 4.0)))
        box = portrait_box(performer, rng)
        crop = crop_portrait(frame, Portrait(box, 1.0), SIZE)
        at = np.array(box[:2], np.float32) + centres * np.subtract(box[2:], box[:2])
        motion[i] = performer.motion(activation, sway, at) / MOTION
        images[i] = _compressed(crop, rng) if rng.random() < 0.5 else crop
        total = activation + performer.resting
        total[_RIGID] += sway[:3]
        targets[i] = (total / peaks)[_COLUMNS]
    return Crops(images, targets, motion)


def portrait_box(performer: Performer, rng: np.random.Generator) -> tuple[float, float, float, float]:
    """A box near where the subject stage would place it, in frame pixels."""
    corners = np.array(PORTRAIT_BOX, np.float32).reshape(2, 2) + rng.normal(0, 0.06, (2, 2))
    pixels = performer.to_frame(corners.astype(np.float32))
    width, height = performer.size
    (x0, y0), (x1, y1) = np.clip(np.sort(pixels, 0), 0, (width, height)).tolist()
    return x0, y0, x1, y1


def _compressed(crop: Image, rng: np.random.Generator) -> Image:
    """The crop after JPEG compression, in place of video compression."""
    quality = int(rng.integers(60, 96))
    _, coded = cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
