"""Golden tensors: inputs of a bundle's networks and their float32 outputs for them.

A golden file is one NumPy archive: a clip (points, boxes, image features), texts, some portraits and the
outputs. The clip is stored as points, not as windows of 4000 × 1096 numbers; the code of the live side builds
the windows. Points are rounded to 1/16 pixel and features to float16 before the networks run, so that storing
them loses nothing.
"""

import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stream.branches.text import Pieces
from stream.bundle.load import Bundle
from stream.bundle.manifest import Window as WindowSpec
from stream.errors import BundleError
from stream.records import Floats, Image, Mask, Portrait, Pose
from stream.skeleton import COUNT
from stream.window.window import Window, WindowView

STEPS = 16.0  # per pixel
_RING = "ring_"  # prefix of the ring mode's arrays


@dataclass(frozen=True, slots=True, eq=False)
class Inputs:
    """A clip of T ticks and S feature slots, texts and n portraits."""

    points: Floats  # float32 [T, 137, 2], pixels
    valid: Mask  # bool [T, 137]
    boxes: Floats  # float32 [T, 4], pixels
    cuts: Mask  # bool [T], the ticks before do not belong to this person or shot
    features: Floats  # float32 [S, D]
    feature_mask: Mask  # bool [S]
    text: Pieces | None  # of k texts, [k, L]; the moments use them in turn
    portraits: Image  # uint8 [n, size, size, 3]
    moments: NDArray[np.int64]  # [m] ticks of the outputs; beyond T the clip is repeated, after a cut


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """Outputs of the networks, one row per moment; NaN where a branch was absent."""

    vectors: dict[str, Floats]  # branch → float32 [m, E]; for the texts [k, E]
    logits: Floats  # float32 [m, 2]: without and with the text
    wins: Floats  # float32 [m, 2], calibrated
    features: Floats  # float32 [n, D], of the portraits


@dataclass(frozen=True, slots=True, eq=False)
class GoldenClip:
    inputs: Inputs
    answers: Answers  # of full mode; of ring mode for a bundle that has only that
    ring: Answers | None = None  # of ring mode, if the bundle has one and the file is recent enough


def together(texts: Sequence[Pieces]) -> Pieces:
    """Several texts as one batch."""
    return Pieces(np.concatenate([t.ids for t in texts]), np.concatenate([t.mask for t in texts]))


def views(
    inputs: Inputs, spec: WindowSpec, dim: int, follow: Callable[[Window, int], None] | None = None
) -> Iterator[WindowView]:
    """The live window at each moment. A view is valid until the next one is requested.

    ``follow`` is called for every tick once it is in the window.
    """
    window, wanted = Window(spec, dim), set(inputs.moments.tolist())
    ticks, scene = len(inputs.points), 0
    for tick in range(max(wanted) + 1):
        i = tick % ticks
        scene += bool(inputs.cuts[i]) or i == 0
        portrait = Portrait(tuple(inputs.boxes[i].tolist()), 1.0)
        pose = Pose(inputs.points[i], inputs.valid[i])
        window.push(tick, portrait, pose, scene)
        slot = i // spec.stride
        if dim and tick % spec.stride == 0 and inputs.feature_mask[slot]:
            window.put_feature(window.slot_of(tick), inputs.features[slot])
        if follow is not None:
            follow(window, tick)
        if tick in wanted:
            yield window.read(tick)


def rounded(inputs: Inputs) -> Inputs:
    """The inputs as they would be read back from a file."""
    return _inputs(_stored(inputs))


def save(path: Path, inputs: Inputs, answers: Answers, ring: Answers | None = None) -> None:
    """Write a golden file; the same numbers give the same bytes."""
    arrays = _arrays(answers) | {"portrait_features": answers.features}
    more = {} if ring is None else {_RING + name: array for name, array in _arrays(ring).items()}
    np.savez_compressed(path, allow_pickle=False, **_stored(inputs), **arrays, **more)


def _arrays(answers: Answers) -> dict[str, NDArray[Any]]:
    vectors = {f"vector_{name}": v for name, v in answers.vectors.items()}
    return vectors | {"logits": answers.logits, "wins": answers.wins}


def load(bundle: Bundle) -> list[GoldenClip]:
    """The golden clips of a bundle, if any. Raises BundleError for a file that is not a golden file."""
    golden = bundle.manifest.golden
    return [_read(bundle.path(name)) for name in golden.files] if golden else []


def _read(path: Path) -> GoldenClip:
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as kept:
            arrays = {name: kept[name] for name in kept.files}
        ring = _answers(arrays, _RING) if f"{_RING}logits" in arrays else None
        return GoldenClip(_inputs(arrays), _answers(arrays), ring)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise BundleError(
            f"{path}: expected golden tensors, found something else ({error}); export the bundle again."
        ) from error


def _answers(arrays: dict[str, NDArray[Any]], mode: str = "") -> Answers:
    prefix = f"{mode}vector_"
    vectors = {n.removeprefix(prefix): v for n, v in arrays.items() if n.startswith(prefix)}
    return Answers(vectors, arrays[f"{mode}logits"], arrays[f"{mode}wins"], arrays["portrait_features"])


def _stored(inputs: Inputs) -> dict[str, NDArray[Any]]:
    text = inputs.text
    return {
        "points": np.round(np.where(inputs.valid[..., None], inputs.points, 0) * STEPS).astype(np.int16),
        "valid": np.packbits(inputs.valid, axis=1),
        "boxes": np.round(inputs.boxes * STEPS).astype(np.int16),
        "cuts": inputs.cuts,
        "features": np.where(inputs.feature_mask[:, None], inputs.features, 0).astype(np.float16),
        "feature_mask": inputs.feature_mask,
        "ids": np.zeros((0, 0), np.int32) if text is None else text.ids.astype(np.int32),
        "ids_mask": np.zeros((0, 0), np.bool_) if text is None else text.mask,
        "portraits": inputs.portraits,
        "moments": inputs.moments.astype(np.int32),
    }


def _inputs(arrays: dict[str, NDArray[Any]]) -> Inputs:
    ids = arrays["ids"].astype(np.int64)
    return Inputs(
        points=(arrays["points"] / np.float32(STEPS)).astype(np.float32),
        valid=np.unpackbits(arrays["valid"].astype(np.uint8), axis=1, count=COUNT).astype(np.bool_),
        boxes=(arrays["boxes"] / np.float32(STEPS)).astype(np.float32),
        cuts=arrays["cuts"].astype(np.bool_),
        features=arrays["features"].astype(np.float32),
        feature_mask=arrays["feature_mask"].astype(np.bool_),
        text=Pieces(ids, arrays["ids_mask"].astype(np.bool_)) if ids.size else None,
        portraits=arrays["portraits"].astype(np.uint8),
        moments=arrays["moments"].astype(np.int64),
    )
