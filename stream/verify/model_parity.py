"""Compares a front-end model's outputs with its golden outputs; the report is the one of `bundle_parity`.

Golden outputs, float32 from the machine that exported the model, are a NumPy archive beside the card: a few
pictures, already of the input's size (for the text encoder: word pieces), and the network's outputs. Of a
detector's thousands of boxes some hundred are stored, those most like a person among them. The card's
preprocessing turns the pictures into inputs.
"""

import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stream.bundle.model_card import Card, Kind, card_of, check_beside
from stream.errors import ModelError
from stream.frontend.onnx_models import coco133, simcc
from stream.frontend.onnx_models.yolo import CONFIDENCE
from stream.inference.engine import Engine, provider_name
from stream.inference.fingerprint import about_machine, fingerprint
from stream.verify.bundle_parity import NO_NUMBER, USUAL, Report, difference

# Allowed error of a visible point, or of a side or centre of a person's box.
PIXELS = {"fp32": 1.0, "fp16": 2.0}
SPREAD, BEST = 256, 32  # stored boxes: spread over all of them, and those most like a person

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Model:
    """An exported model with the card beside it."""

    path: Path
    card: Card

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def sha256(self) -> str:
        """Of the model and its golden outputs."""
        golden = self.card.golden
        return sha256(f"{self.card.sha256} {golden.sha256 if golden else ''}".encode()).hexdigest()


def open_model(path: Path, kind: Kind | None = None) -> Model:
    """Open a model after checking it against its card; ``kind`` None accepts any. Raises ModelError."""
    return Model(path, card_of(path, kind))


def feeds(card: Card, inputs: Arrays) -> Iterator[dict[str, NDArray[Any]]]:
    """The network's inputs, batch 1, from ``pictures`` uint8 [n, H, W, 3], or from ``ids`` and ``ids_mask``
    [n, L]."""
    before = card.preprocessing
    if before is None:
        for ids, mask in zip(inputs["ids"], inputs["ids_mask"], strict=True):
            yield {"ids": ids[None], "ids_mask": mask[None]}
        return
    mean, std = np.array(before.mean, np.float32), np.array(before.std, np.float32)
    for picture in inputs["pictures"]:
        pixels = (picture.astype(np.float32) / np.float32(255) - mean) / std
        yield {card.graph.inputs[0].name: np.ascontiguousarray(pixels.transpose(2, 0, 1)[None])}


def golden_outputs(card: Card, outputs: Sequence[Sequence[NDArray[Any]]]) -> dict[str, NDArray[Any]]:
    """The part of a network's outputs that is stored, stacked over all inputs."""
    if card.kind == "detector":
        raw = np.stack([one[0][0] for one in outputs])
        columns = np.stack([_columns(scores) for scores in raw[:, 4 + (card.person or 0)]])
        return {"columns": columns, **_boxes(raw, columns)}
    return {part: np.stack([one[i][0] for one in outputs]) for i, part in enumerate(_parts(card))}


def save(path: Path, inputs: Arrays, answers: Arrays) -> None:
    """Write a golden file; the same numbers give the same bytes."""
    np.savez_compressed(path, allow_pickle=False, **inputs, **answers)


def check(model: Model, provider: str = "cpu", *, threads: int = 2) -> Report:
    """Run a model on ``provider`` and compare.

    Raises ModelError for a model without golden outputs, ProviderError when the provider does not load.
    """
    began = time.monotonic()
    provider_name(provider)
    card, golden = model.card, _read(model)
    # As on the live side, where a keypoint model's shapes come from its file.
    graph = None if card.kind == "keypoints" else card.graph
    engine = Engine(model.path, graph, provider=provider, threads=threads)
    outputs = [engine(**case) for case in feeds(card, golden)]
    if card.kind == "detector":
        found = _boxes(np.stack([one[0][0] for one in outputs]), golden["columns"])
    else:
        found = golden_outputs(card, outputs)
    allowed = USUAL[card.precision]
    graphs = tuple(
        difference(part, card.precision, allowed, list(golden[part]), list(found[part]))
        for part in _parts(card)
    )
    off = _off(card, golden, found)
    drift = NO_NUMBER if not np.isfinite(off).all() else float(off.max(initial=0))
    about = about_machine()
    return Report(
        bundle=model.name,
        sha256=model.sha256,
        provider=provider,
        machine=fingerprint(about),
        about=about,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=round(time.monotonic() - began, 2),
        graphs=graphs,
        estimates=off.size,
        unit="pixels",
        drift=drift,
        allowed=PIXELS[card.precision],
        passed=all(d.passed for d in graphs) and drift <= PIXELS[card.precision],
    )


def _parts(card: Card) -> tuple[str, ...]:
    known = {"detector": ("boxes", "scores"), "keypoints": ("x", "y")}
    return known.get(card.kind, ("vector",))


def _columns(scores: NDArray[Any]) -> NDArray[np.int64]:
    """Indices of the boxes that are stored."""
    spread = np.linspace(0, scores.size - 1, SPREAD).astype(np.int64)
    found = np.union1d(spread, np.argsort(-scores, kind="stable")[:BEST])
    return np.concatenate((found, np.full(SPREAD + BEST - found.size, found[-1])))


def _boxes(raw: NDArray[Any], columns: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    """``boxes`` [n, 4, C] and ``scores`` [n, classes, C] from raw outputs [n, 4 + classes, N]."""
    kept = np.take_along_axis(raw, columns[:, None], axis=2)
    return {"boxes": kept[:, :4], "scores": kept[:, 4:]}


def _off(card: Card, golden: Arrays, found: Arrays) -> NDArray[Any]:
    """Errors, in pixels, of the visible points, or of the sides and centres of people's boxes."""
    if card.kind == "detector":
        there = golden["scores"][:, card.person or 0] > CONFIDENCE
        return np.asarray(np.abs(golden["boxes"] - found["boxes"]).transpose(0, 2, 1)[there])
    if card.kind == "keypoints":
        pairs = zip(golden["x"], golden["y"], found["x"], found["y"], strict=True)
        return np.concatenate([_points_off(*pair) for pair in pairs])
    return np.zeros(0)


def _points_off(
    x: NDArray[Any], y: NDArray[Any], found_x: NDArray[Any], found_y: NDArray[Any]
) -> NDArray[Any]:
    (points, scores), (others, _) = simcc.decode(x, y), simcc.decode(found_x, found_y)
    there = scores > coco133.VISIBLE
    return np.asarray(np.linalg.norm(points[there] - others[there], axis=1))


def _read(model: Model) -> dict[str, NDArray[Any]]:
    entry = model.card.golden
    if entry is None:
        raise ModelError(
            f"{model.path}: expected golden outputs beside its card to prove it with, found none; "
            "export it again with `undertone-export frontends`."
        )
    path = check_beside(model.path, entry.file, entry.sha256)
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            arrays = {name: kept[name] for name in kept.files}
        wanted = {"pictures"} if model.card.preprocessing else {"ids", "ids_mask"}
        wanted |= {"columns"} if model.card.kind == "detector" else set()
        if missing := sorted((wanted | set(_parts(model.card))) - arrays.keys()):
            raise ValueError(f"no {missing[0]}")
        return arrays
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ModelError(
            f"{path}: expected golden outputs, found something else ({error}); export the model again."
        ) from error
