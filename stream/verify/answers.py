"""A bundle's outputs for golden inputs, computed with the windows, fusion and calibration of the live
side."""

from collections.abc import Callable

import numpy as np

from stream.branches.calibration import calibrated
from stream.branches.modes import Temporal
from stream.branches.text import Pieces
from stream.bundle.load import Bundle
from stream.records import Floats, Image
from stream.verify.golden import Answers, Inputs, views

Encode = Callable[[Image], Floats]  # uint8 [S, S, 3] → float32 [D]


def compute_answers(bundle: Bundle, temporal: Temporal, encode: Encode | None, inputs: Inputs) -> Answers:
    """The outputs of ``temporal`` and of the image encoder, if there is one."""
    manifest, width = bundle.manifest, temporal.mode.fusion.inputs[0].shape[1]
    absent = np.full(width, np.nan, np.float32)
    rows: dict[str, list[Floats]] = {name: [] for name in temporal.engines if name != "text"}
    valid_s: list[float] = []
    temporal.reset()
    dim = manifest.image.dim if manifest.image else 0
    for view in views(inputs, manifest.window, dim, temporal.follow):
        current = temporal.vectors(view)
        for name, own in rows.items():
            own.append(current[name][0].copy() if name in current else absent)
        valid_s.append(view.figures.valid_s)
    vectors = {name: np.array(own, np.float32) for name, own in rows.items()}
    if inputs.text is not None and "text" in temporal.engines:
        texts = zip(inputs.text.ids, inputs.text.mask, strict=True)
        embedded = [temporal.text(Pieces(ids[None], mask[None])) for ids, mask in texts]
        vectors["text"] = np.concatenate(embedded)
    logits = fused(temporal, vectors, len(valid_s))
    wins = np.full_like(logits, np.nan)
    for i, row in enumerate(logits):
        for with_text, z in enumerate(row):
            present = _at(vectors, i, bool(with_text))
            if present:
                wins[i, with_text] = calibrated(
                    temporal.mode.calibration, float(z), present, valid_s[i], manifest.prior
                )
    features = [encode(portrait) for portrait in inputs.portraits] if encode else []
    return Answers(vectors, logits, wins, np.array(features) if features else np.zeros((0, 0), np.float32))


def fused(temporal: Temporal, vectors: dict[str, Floats], moments: int) -> Floats:
    """Logits of win, float32 [m, 2]: without and with the text; NaN where every branch is absent."""
    logits = np.full((moments, 2), np.nan, np.float32)
    for i in range(moments):
        for with_text in (False, True):
            present = _at(vectors, i, with_text)
            if present:
                logits[i, int(with_text)] = temporal.fuse(present)
    return logits


def _at(vectors: dict[str, Floats], moment: int, with_text: bool) -> dict[str, Floats]:
    """The vectors [1, E] of the branches that are present at a moment."""
    rows = {name: v[moment][None] for name, v in vectors.items() if name != "text"}
    present = {name: row for name, row in rows.items() if np.isfinite(row).all()}
    if with_text and "text" in vectors:
        present["text"] = vectors["text"][moment % len(vectors["text"])][None]
    return present
