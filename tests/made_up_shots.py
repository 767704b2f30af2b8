"""Pictures with structure of their own, and frames of them: another seed is another shot."""

import numpy as np

from stream.records import Frame

WIDTH, HEIGHT = 640, 360


def shot(seed: int) -> np.ndarray:
    """uint8 [360, 640, 3]: squares of random colours."""
    rng = np.random.default_rng(seed)
    cells = rng.integers(0, 256, (HEIGHT // 40, WIDTH // 40, 3), np.uint8)
    return cells.repeat(40, axis=0).repeat(40, axis=1)


def frame_of(image: np.ndarray, index: int = 0, *, discontinuity: bool = False) -> Frame:
    return Frame(index, index / 25, index / 25, image, discontinuity)
