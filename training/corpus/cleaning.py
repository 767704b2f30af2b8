"""Validates and cleans a recording before it is stored: shapes, finite numbers, remarks for the reader."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from stream.errors import UsageError
from stream.skeleton import COUNT
from training.corpus.gestures import check_rows
from training.corpus.grid import SHORTEST
from training.corpus.recording import Recording


def check_shapes(id: str, recording: Recording, stride: int = 5) -> None:
    """Raises UsageError if an array has another shape or element type than ``Recording`` specifies, and for
    rows that are no gestures."""
    ticks = recording.ticks
    slots = -(-ticks // stride)
    width = 0 if recording.features is None else recording.features.shape[-1]
    expected: dict[str, tuple[type[np.generic], Sequence[int]]] = {
        "points": (np.float32, (ticks, COUNT, 2)),
        "valid": (np.bool_, (ticks, COUNT)),
        "boxes": (np.float32, (ticks, 4)),
        "present": (np.bool_, (ticks,)),
        "segments": (np.int64, (ticks,)),
        "features": (np.float32, (slots, width)),
        "feature_mask": (np.bool_, (slots,)),
        "llr": (np.float32, (ticks,)),
    }
    for name, (dtype, shape) in expected.items():
        array = getattr(recording, name)
        if array is not None and (array.shape != tuple(shape) or array.dtype != dtype):
            raise UsageError(
                f"{id}: expected {name} as {dtype.__name__} {list(shape)}, found {array.dtype.name} "
                f"{list(array.shape)}; correct what makes the recording."
            )
    if recording.gestures is not None:
        check_rows(id, recording.gestures)


def cleaned(recording: Recording) -> tuple[Recording, int]:
    """The recording with finite numbers only, and the number of valid points that were not finite.

    Such points become invalid; a tick without a finite box or without any valid point shows nobody; a feature
    that is not finite is masked. All invalid values are zero.
    """
    finite = np.all(np.isfinite(recording.points), axis=-1)
    bad = int((recording.valid & ~finite).sum())
    valid = recording.valid & finite
    framed = np.all(np.isfinite(recording.boxes), axis=-1)
    features, mask = recording.features, recording.feature_mask
    if features is not None:
        mask = mask & np.all(np.isfinite(features), axis=-1)
        features = np.where(mask[:, None], features, np.float32(0))
    result = replace(
        recording,
        points=np.where(valid[..., None], recording.points, np.float32(0)),
        valid=valid,
        boxes=np.where(framed[:, None], recording.boxes, np.float32(0)),
        present=recording.present & framed & valid.any(-1),
        features=features,
        feature_mask=mask,
    )
    return result, bad


def remarks(recording: Recording, bad: int) -> list[str]:
    """Anomalies of a cleaned recording, in words."""
    lines = []
    if bad:
        lines.append(f"{bad} points were not finite numbers and are invalid")
    if not recording.present.any():
        lines.append("nobody in any frame")
    if recording.ticks < SHORTEST:
        lines.append(f"shorter than {SHORTEST} ticks, training skips it")
    return lines
