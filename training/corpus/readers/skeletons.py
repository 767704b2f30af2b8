"""OpenPose points without video, as a recording on the grid."""

import numpy as np

from stream.bundle.manifest import Extractor
from stream.errors import UsageError
from stream.records import Floats, Mask
from stream.skeleton import COUNT, FACE
from stream.window.grid import Grid
from training.corpus.gestures import on_grid
from training.corpus.readers.cuts import cuts
from training.corpus.recording import Recording

RATE, STRIDE = 25.0, 5
MARGIN = 0.1  # of the box, on every side
EDGE = 0.1  # quantile over frames of the outermost points
OPENPOSE = Extractor(name="OpenPose BODY_25 with face and hands (released skeletons)", sha256="unknown")
BOX_NOTE = (
    f"no portrait box came with them: one steady box a video, the {EDGE:.0%} and {1 - EDGE:.0%} quantiles "
    f"over frames of the outermost body and face points, {MARGIN:.0%} wider on every side; "
    "cuts where all points jump"
)


def recording_of(
    frames: Floats,
    rate: float,
    *,
    label: int | None,
    subject: str,
    provenance: str,
    text: str | None = None,
    segments: np.ndarray | None = None,
    gestures: np.ndarray | None = None,
) -> Recording:
    """Put frames on the 25 Hz grid as the live side does: the first frame of a tick is used.

    frames: float32 [F, 137, 3] of x, y in frame pixels and confidence, zeros where OpenPose saw nothing;
    rate: frames a second; segments: int64 [F], grows at known cuts; where all points jump there is another;
    gestures: integers [N, 3 or 4] of class, first and last frame (and row), None without annotation.
    Numbers that are not finite stay in the points, so that the corpus counts them.
    UsageError for coordinates that are not in pixels.
    """
    grid = Grid(RATE)
    claims = [grid.claim(i / rate) for i in range(len(frames))]
    taken = np.array([i for i, tick in enumerate(claims) if tick is not None], np.int64)
    at = np.array([tick for tick in claims if tick is not None], np.int64)
    ticks = grid.newest + 1
    here = frames[taken]
    broken = ~np.all(np.isfinite(here), axis=-1)
    seen = broken | ((here[..., 2] > 0) & (here[..., :2] != 0).any(-1))
    points = np.zeros((ticks, COUNT, 2), np.float32)
    valid = np.zeros((ticks, COUNT), np.bool_)
    points[at] = np.where(broken[..., None], np.float32(np.nan), here[..., :2])
    valid[at] = seen
    good = valid & np.isfinite(points).all(-1)
    if good.any() and np.abs(points[good]).max() <= 2:
        raise UsageError(
            f"{provenance}: expected coordinates in frame pixels, found none above 2; "
            "run OpenPose with --keypoint_scale 0."
        )
    shot = np.ones(len(frames), np.int64) if segments is None else segments
    filled = np.maximum.accumulate(np.isin(np.arange(ticks), at) * np.arange(ticks)) if ticks else at
    box = steady_box(points, good)
    known = shot[taken][np.searchsorted(at, filled)] if ticks else shot[:0]
    return Recording(
        points=points,
        valid=valid,
        boxes=np.tile(box, (ticks, 1)),
        present=np.any(good, axis=-1),
        segments=known + np.cumsum(cuts(points, good, box)),
        features=None,
        feature_mask=np.zeros(-(-ticks // STRIDE), np.bool_),
        text=text,
        label=-1 if label is None else label,
        subject=subject,
        llr=None,
        provenance=provenance,
        gestures=None if gestures is None else on_grid(gestures, rate, RATE),
    )


def steady_box(points: Floats, valid: Mask) -> Floats:
    """One box around body and face for a whole video, float32 [4] (see ``BOX_NOTE``); zeros without a
    person."""
    points, valid = points[:, : FACE.stop], valid[:, : FACE.stop]
    shown = valid.any(-1)
    if not shown.any():
        return np.zeros(4, np.float32)
    points, valid = points[shown], valid[shown, :, None]
    low = np.quantile(np.where(valid, points, np.inf).min(1), EDGE, axis=0)
    high = np.quantile(np.where(valid, points, -np.inf).max(1), 1 - EDGE, axis=0)
    margin = MARGIN * (high - low)
    return np.concatenate([np.maximum(low - margin, 0), high + margin]).astype(np.float32)
