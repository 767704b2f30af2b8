"""Eight values per keypoint: its place in the portrait box, and how far it moved since t−8, t−16, t−24.

Paper: keypoints relative to the portrait box, with displacements against t−8, t−16 and t−24 (hidden-emotion
paper, keypoint and offset features).
"""

import numpy as np

from stream.records import Floats, Mask


def features_of(
    box: Floats, points: Floats, valid: Mask, partners: list[tuple[Floats, Mask] | None]
) -> tuple[Floats, Mask]:
    """Eight values per point: x, y relative to the box, then one displacement pair per offset.

    box: float32 [..., 4] = x0, y0, x1, y1 in frame pixels; points float32 [..., K, 2] in frame pixels;
    valid bool [..., K]; partners: points and validity of each earlier tick, or None where it is missing
    or across a cut. Leading dimensions (ticks, in training) broadcast.
    Returns float32 [..., K, 2 + 2·offsets] and the validity of each offset, bool [..., K, offsets].
    Displacements are in frame pixels divided by the box size *now*, so that motion of the box does not enter.
    """
    size = np.maximum(box[..., None, 2:] - box[..., None, :2], np.float32(1))
    values = np.zeros((*points.shape[:-1], 1 + len(partners), 2), np.float32)
    offset_valid = np.zeros((*valid.shape, len(partners)), np.bool_)
    np.divide(points - box[..., None, :2], size, out=values[..., 0, :], where=valid[..., None])
    for i, partner in enumerate(partners):
        if partner is None:
            continue
        both = valid & partner[1]
        np.divide(points - partner[0], size, out=values[..., 1 + i, :], where=both[..., None])
        offset_valid[..., i] = both
    return values.reshape(*points.shape[:-1], -1), offset_valid
