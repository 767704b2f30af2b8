"""The corpus record: the data of one video, and its conversion to model inputs.

Inputs are computed with ``stream.window.offsets.features_of``, the live side's own code, so that training
gets exactly the values of the live window for each tick.
"""

from dataclasses import dataclass

import numpy as np

from stream.bundle.manifest import Window as WindowSpec
from stream.errors import UsageError
from stream.records import Floats, Mask
from stream.skeleton import GROUPS
from stream.window.offsets import features_of
from training.corpus.gestures import Rows


# One field per item of the file.
@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """One person's video on the 25 Hz grid, T ticks."""

    points: Floats  # float32 [T, 137, 2], frame pixels, 0 where invalid
    valid: Mask  # bool [T, 137]
    boxes: Floats  # float32 [T, 4], x0, y0, x1, y1 in frame pixels
    present: Mask  # bool [T], a person was found
    segments: np.ndarray  # int64 [T], increases at every cut
    features: Floats | None  # float32 [ceil(T/5), D], image feature of every 5th tick
    feature_mask: Mask  # bool [ceil(T/5)]
    text: str | None
    label: int  # 0 loss, 1 win, −1 unknown
    subject: str
    llr: Floats | None  # float32 [T], exact log-likelihood ratio of ticks 0..t; None for real people
    provenance: str
    mixed: bool = False  # behaviour changes within the recording, so the label is weak for a window
    gestures: Rows | None = None  # int32 [N, 4], class, first and last tick, row; None: not annotated

    @property
    def ticks(self) -> int:
        return len(self.present)

    def evidence(self, start: int, stop: int) -> float:
        """Exact log-likelihood ratio (win over loss) of the true events in ticks start..stop−1.

        Raises UsageError for a recording of a real person, whose events are unknown.
        """
        if self.llr is None:
            raise UsageError(
                f"{self.subject}: expected a simulated person whose events are known, found a recording of a "
                'real one; set target.kind = "label" and moments.steps = 0 in the recipe.'
            )
        before = float(self.llr[start - 1]) if start else 0.0
        return float(self.llr[stop - 1]) - before


def inputs(
    recording: Recording, spec: WindowSpec, start: int = 0, stop: int | None = None
) -> tuple[dict[str, Floats], dict[str, Mask]]:
    """Group inputs of ticks start..stop−1: float32 [n, width] and bool [n] per group.

    Offsets reach back before ``start``, as in the live rolling window.
    """
    stop = recording.ticks if stop is None else stop
    n = stop - start
    points, valid = recording.points[start:stop], recording.valid[start:stop]
    here = recording.present[start:stop] & valid.any(1)
    valid = valid & here[:, None]
    partners: list[tuple[Floats, Mask] | None] = [
        _partners(recording, start, stop, back) for back in spec.offsets
    ]
    values, _ = features_of(recording.boxes[start:stop], points, valid, partners)
    groups = {name: np.ascontiguousarray(values[:, group]).reshape(n, -1) for name, group in GROUPS.items()}
    masks = {name: np.any(valid[:, group], axis=1) for name, group in GROUPS.items()}
    return groups, masks


def _partners(recording: Recording, start: int, stop: int, back: int) -> tuple[Floats, Mask]:
    """Points and validity of each tick's partner ``back`` ticks earlier; invalid across a cut or gap."""
    index = np.arange(start - back, stop - back)
    inside = index >= 0
    index = np.maximum(index, 0)
    now = np.arange(start, stop)
    same = inside & recording.present[index] & (recording.segments[index] == recording.segments[now])
    return recording.points[index], recording.valid[index] & same[:, None]


def feature_slots(
    recording: Recording, spec: WindowSpec, start: int = 0, stop: int | None = None
) -> tuple[Floats, Mask]:
    """Image features of the slots that ticks start..stop−1 touch: float32 [m, D] and bool [m].

    A recording without features gives [m, 0] and an all-false mask. Masked rows are zeros.
    """
    stop = recording.ticks if stop is None else stop
    slots = slice(start // spec.stride, (stop - 1) // spec.stride + 1)
    mask = recording.feature_mask[slots].copy()
    if recording.features is None:
        return np.zeros((len(mask), 0), np.float32), np.zeros(len(mask), np.bool_)
    return np.where(mask[:, None], recording.features[slots], 0).astype(np.float32), mask
