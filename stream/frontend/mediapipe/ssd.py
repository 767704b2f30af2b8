"""Anchors, decoding and weighted suppression of MediaPipe's single-shot detectors.

Sources: ``ssd_anchors_calculator.cc``, ``tensors_to_detections_calculator.cc`` and
``non_max_suppression_calculator.cc`` (algorithm WEIGHTED) of google-ai-edge/mediapipe, with the options of
the two detectors in the expanded graph of Holistic 0.10.21: anchors of fixed size in the middle of each
cell, so a box is just an offset from the cell's middle.
"""

import numpy as np

from stream.records import Floats

MIN_SCORE = 0.5
SUPPRESSION = 0.3


def anchors(size: int, cells: tuple[tuple[int, int], ...]) -> Floats:
    """Middles of all anchors [N, 2], 0..1, for (stride in pixels, anchors a cell) layers in order."""
    layers = []
    for stride, count in cells:
        side = size // stride
        middle = (np.arange(side, dtype=np.float32) + 0.5) / side
        grid = np.stack(np.meshgrid(middle, middle), axis=-1).reshape(-1, 2)
        layers.append(np.repeat(grid, count, axis=0))
    return np.concatenate(layers).astype(np.float32)


def decode(raw: Floats, logits: Floats, middles: Floats, size: int) -> tuple[Floats, Floats]:
    """Network outputs [N, 4+2K], [N, 1] → suppressed detections, best first.

    Returns points [M, 2+K, 2] in 0..1 of the network's input (first two: upper left and lower right of the
    box, then the K key points) and scores [M]. Boxes that overlap are averaged, weighted by score.
    """
    logits = logits[:, 0]
    kept = np.flatnonzero(logits >= 0.0)  # sigmoid(0) = MIN_SCORE
    if not kept.size:
        return np.zeros((0, 2 + (raw.shape[1] - 4) // 2, 2), np.float32), np.zeros(0, np.float32)
    scores = np.asarray(1.0 / (1.0 + np.exp(-logits[kept])), np.float32)
    points = raw[kept].reshape(len(kept), -1, 2) / np.float32(size)
    points[:, (0, *range(2, points.shape[1]))] += middles[kept, None]
    half = points[:, 1] / 2
    points[:, 1] = points[:, 0] + half
    points[:, 0] -= half
    order = np.argsort(-scores, kind="stable")
    return _weighted(points[order], scores[order])


def _weighted(points: Floats, scores: Floats) -> tuple[Floats, Floats]:
    found, best = [], []
    while len(scores):
        near = _overlaps(points[:, 0], points[:, 1], points[0, 0], points[0, 1]) > SUPPRESSION
        near[0] = True  # a box without area does not even overlap itself
        found.append(np.average(points[near], axis=0, weights=scores[near]))
        best.append(scores[0])
        points, scores = points[~near], scores[~near]
    return np.asarray(found, np.float32), np.asarray(best, np.float32)


def _overlaps(low: Floats, high: Floats, low0: Floats, high0: Floats) -> Floats:
    """Intersection over union of boxes [N, 2], [N, 2] with one box."""
    sides = np.clip(np.minimum(high, high0) - np.maximum(low, low0), 0, None)
    shared = sides[:, 0] * sides[:, 1]
    union = np.prod(high - low, axis=1) + np.prod(high0 - low0) - shared
    return np.asarray(np.divide(shared, union, out=np.zeros_like(shared), where=union > 0))
