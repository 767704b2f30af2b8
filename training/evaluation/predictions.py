"""A model's predictions for videos, as records and as JSON lines."""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from stream.errors import UsageError
from stream.files import replace_with


class Prediction(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One prediction for one video. Raises UsageError for values outside the ranges below."""

    id: str  # of the video
    subject: str
    label: int  # 0 loss, 1 win
    win: float  # 0..1, calibrated confidence for win
    logit: float  # fused logit before calibration, finite
    seconds: float  # watched so far
    votes: tuple[float, ...] | None = None  # logits of the predictions merged into this one

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "label", int(self.label))  # JSON knows no NumPy scalars
        for name in ("win", "logit", "seconds"):
            msgspec.structs.force_setattr(self, name, float(getattr(self, name)))
        if self.label not in (0, 1):
            raise UsageError(
                f"{self.id}: expected label 0 (loss) or 1 (win), found {self.label!r}; correct it."
            )
        if not 0 <= self.win <= 1:
            raise UsageError(f"{self.id}: expected win in 0..1, found {self.win}; correct the prediction.")
        if not math.isfinite(self.logit) or not (math.isfinite(self.seconds) and self.seconds >= 0):
            raise UsageError(
                f"{self.id}: expected a finite logit and seconds ≥ 0, found {self.logit} and {self.seconds}; "
                "correct the prediction."
            )


class Columns(NamedTuple):
    """Predictions as arrays, N videos."""

    win: NDArray[np.float64]  # [N]
    label: NDArray[np.float64]  # [N], 0 or 1
    subject: NDArray[np.int64]  # [N], 0..S−1


def columns(predictions: Sequence[Prediction]) -> Columns:
    """Arrays for the metrics. Raises UsageError without predictions or for several of one video."""
    if not predictions:
        raise UsageError("expected at least one prediction, found none; predict the test videos first.")
    _once([p.id for p in predictions], "vote over them or choose one moment first")
    _, subject = np.unique([p.subject for p in predictions], return_inverse=True)
    win, label = ([getattr(p, name) for p in predictions] for name in ("win", "label"))
    return Columns(np.array(win, float), np.array(label, float), subject.astype(np.int64))


def join(*parts: Sequence[Prediction]) -> list[Prediction]:
    """The predictions of several folds as one list, in the given order.

    Raises UsageError if a video is in more than one part, or has two labels or subjects.
    """
    _once([id for part in parts for id in {p.id for p in part}], "join parts that share no video")
    known: dict[str, Prediction] = {}
    joined = [p for part in parts for p in part]
    for p in joined:
        first = known.setdefault(p.id, p)
        if (p.label, p.subject) != (first.label, first.subject):
            raise UsageError(
                f"{p.id}: expected one label and one subject, found ({first.label}, {first.subject}) and "
                f"({p.label}, {p.subject}); correct the predictions."
            )
    return joined


def pair(a: Sequence[Prediction], b: Sequence[Prediction]) -> tuple[list[Prediction], list[Prediction]]:
    """Two variants' predictions for the same videos, both sorted by id.

    Raises UsageError if their videos, labels or subjects differ.
    """
    sides = [sorted(side, key=lambda p: p.id) for side in (a, b)]
    for side in sides:
        _once([p.id for p in side], "vote over them first")
    keys = [[(p.id, p.label, p.subject) for p in side] for side in sides]
    if keys[0] != keys[1]:
        odd = min({row[0] for row in set(keys[0]) ^ set(keys[1])})
        raise UsageError(
            "expected two variants' predictions of the same videos, with the same labels and subjects, found "
            f"that {odd} differs; predict both on one test set."
        )
    return sides[0], sides[1]


def write(path: Path, predictions: Iterable[Prediction]) -> Path:
    """Write JSON lines, atomically."""
    encode = msgspec.json.Encoder().encode
    replace_with(path, b"".join(encode(p) + b"\n" for p in predictions))
    return path


def read(path: Path) -> list[Prediction]:
    """Read predictions. Raises UsageError for a missing or empty file, and for the first malformed line."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise UsageError(
            f"{path}: expected predictions as JSON lines, found no readable file ({error.strerror}); "
            "predict the test videos first."
        ) from error
    if not lines:
        raise UsageError(f"{path}: expected at least one line, found an empty file; predict again.")
    decode = msgspec.json.Decoder(Prediction).decode
    predictions = []
    for number, line in enumerate(lines, 1):
        try:
            predictions.append(decode(line))
        except (msgspec.DecodeError, UnicodeDecodeError, UsageError) as error:
            raise UsageError(
                f"{path}:{number}: expected a prediction (id, subject, label, win, logit, seconds), found "
                f"another line ({str(error).rstrip('.')}); correct it or predict again."
            ) from error
    return predictions


def _once(ids: Sequence[str], then: str) -> None:
    names, counts = np.unique(ids, return_counts=True)
    if (counts > 1).any():
        name, count = names[counts > 1][0], counts[counts > 1][0]
        raise UsageError(f"expected each video once, found {name} {count} times; {then}.")
