"""The pictures on which Undertone's keypoints are compared with MediaPipe Holistic's, and their variants.

astronaut: Eileen Collins, NASA, public domain; in tests/data (from scikit-image's ``skimage.data``).
bus, zidane: the sample pictures of the ultralytics wheel; fetched with pip into the cache, never committed.
Variants are plain NumPy, so that every environment makes the same pixels.

    python benchmarks/peers/mediapipe/pictures.py OUT.npz    writes all pictures and variants for a peer
"""

import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np

SAMPLES = "ultralytics==8.4.190"
ROOT = Path(__file__).resolve().parents[3]

# name: (file, crop x0 y0 x1 y1 in pixels or None for the whole)
PICTURES: dict[str, tuple[str, tuple[int, int, int, int] | None]] = {
    "astronaut": ("astronaut.png", None),
    "astronaut_close": ("astronaut.png", (90, 0, 370, 280)),
    "bus": ("bus.jpg", None),
    "bus_left": ("bus.jpg", (0, 360, 320, 940)),
    "bus_middle": ("bus.jpg", (160, 370, 420, 860)),
    "zidane": ("zidane.jpg", None),
    "zidane_left": ("zidane.jpg", (100, 100, 820, 720)),
    "zidane_pointing": ("zidane.jpg", (480, 150, 1280, 720)),
    "zidane_right": ("zidane.jpg", (700, 0, 1280, 720)),
}


def rotated(image: np.ndarray, degrees: float) -> np.ndarray:
    """Turned about its middle, counter-clockwise for positive degrees, edges repeated, same size."""
    height, width = image.shape[:2]
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    y, x = np.mgrid[:height, :width].astype(np.float64)
    x, y = x - (width - 1) / 2, y - (height - 1) / 2
    u = np.clip(c * x - s * y + (width - 1) / 2, 0, width - 1)
    v = np.clip(s * x + c * y + (height - 1) / 2, 0, height - 1)
    left, top = np.minimum(u.astype(int), width - 2), np.minimum(v.astype(int), height - 2)
    a, b = (u - left)[..., None], (v - top)[..., None]
    upper = image[top, left] * (1 - a) + image[top, left + 1] * a
    lower = image[top + 1, left] * (1 - a) + image[top + 1, left + 1] * a
    return np.rint(upper * (1 - b) + lower * b).astype(np.uint8)


def darkened(image: np.ndarray) -> np.ndarray:
    return np.rint(image * 0.45).astype(np.uint8)


def shifted(image: np.ndarray) -> np.ndarray:
    """Moved right by 12 % and down by 6 %, the rest black."""
    height, width = image.shape[:2]
    dx, dy = round(width * 0.12), round(height * 0.06)
    moved = np.zeros_like(image)
    moved[dy:, dx:] = image[: height - dy, : width - dx]
    return moved


def widened(image: np.ndarray) -> np.ndarray:
    """Pasted left of the middle of a grey 16:9 (or twice as wide) frame of the same height."""
    height, width = image.shape[:2]
    whole = max(round(height * 16 / 9), 2 * width)
    frame = np.full((height, whole, 3), 96, np.uint8)
    left = (whole - width) // 3
    frame[:, left : left + width] = image
    return frame


VARIANTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "plain": lambda image: image,
    "left15": lambda image: rotated(image, 15),
    "right15": lambda image: rotated(image, -15),
    "dark": darkened,
    "shifted": shifted,
    "wide": widened,
}


def samples(folder: Path) -> Path:
    """The folder with bus.jpg and zidane.jpg; fetched on first use."""
    if not all((folder / name).is_file() for name in ("bus.jpg", "zidane.jpg")):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as work:
            command = [
                sys.executable,
                "-m",
                "pip",
                "download",
                "--no-deps",
                "--quiet",
                "--dest",
                work,
                SAMPLES,
            ]
            subprocess.run(command, check=True)
            with zipfile.ZipFile(next(Path(work).glob("*.whl"))) as wheel:
                for name in ("bus.jpg", "zidane.jpg"):
                    part = folder / f".{name}"
                    part.write_bytes(wheel.read(f"ultralytics/assets/{name}"))
                    part.replace(folder / name)
    return folder


def picture(name: str, folder: Path) -> np.ndarray:
    """One picture by name, RGB uint8 [H, W, 3]."""
    file, box = PICTURES[name]
    path = ROOT / "tests" / "data" / file
    image = cv2.imread(str(path if path.is_file() else samples(folder) / file))
    image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    if box is not None:
        image = image[box[1] : box[3], box[0] : box[2]]
    return np.ascontiguousarray(image)


def every(folder: Path) -> Iterator[tuple[str, np.ndarray]]:
    """All (``picture/variant``, image)."""
    for name in PICTURES:
        plain = picture(name, folder)
        for variant, change in VARIANTS.items():
            yield f"{name}/{variant}", change(plain)


if __name__ == "__main__":
    from stream.bundle.model_cache import cache_dir

    np.savez(sys.argv[1], **dict(every(cache_dir() / "pictures")))
