"""A network → ONNX and card in a folder, held against the network on pictures that were not traced."""

import datetime
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from export.half import halved
from export.parity import Case, session
from export.to_onnx import export
from stream.cards import Card, Parity, card_file
from stream.contract import Graph, sha256_of
from stream.errors import ModelError, UsageError

TOLERANCE = 1e-4  # ‖found − expected‖ / ‖expected‖, float32
COSINE = 0.9999  # float16

Precision = Literal["fp32", "fp16"]
Array = NDArray[Any]
Parts = Callable[[Array], Sequence[Array]]


def whole(output: Array) -> Sequence[Array]:
    """An output that is compared as it is."""
    return (output,)


def write(
    module: nn.Module,
    inputs: Mapping[str, Tensor],
    output: str,
    place: Path,
    card: Callable[[Graph], Card],
    *,
    precision: Precision,
    cases: Iterable[Case],
    parts: Parts = whole,
    tail: bool = False,
    beside: Mapping[str, Path] | None = None,
) -> Card:
    """Write ``place`` (an ``.onnx``) and its card, or nothing at all; returns the card.

    ``card`` gets the graph and says what is known; hashes, versions and parity are added here. ``parts`` are
    what of an output is compared on its own; ``beside`` are files that are copied along, by their new names.
    Raises ModelError when the graph differs from the module.
    """
    with Staging(place) as work:
        graph = export(module, inputs, output, work / place.name)
        if precision == "fp16":
            onnx.save(halved(onnx.load(work / place.name), tail=tail), work / place.name)
        parity = prove(module, graph, work / place.name, cases, precision, parts)
        for name, file in (beside or {}).items():
            shutil.copyfile(file, work / name)
        return finish(work, place, card(graph), parity)


def prove(
    module: nn.Module, graph: Graph, path: Path, cases: Iterable[Case], precision: Precision, parts: Parts
) -> Parity:
    """Compare on every case; raises ModelError when one differs too much or is no number."""
    runner = session(path)
    relative, cosine, count = 0.0, 1.0, 0
    for case in cases:
        with torch.inference_mode():
            expected = module(*(torch.from_numpy(np.array(case[t.name])) for t in graph.inputs)).numpy()
        (found,) = runner.run(None, {t.name: case[t.name] for t in graph.inputs})
        for a, b in zip(parts(expected), parts(found), strict=True):
            far, alike = apart(a, b)
            relative, cosine = max(relative, far), min(cosine, alike)
        count += 1
    good = relative <= TOLERANCE if precision == "fp32" else cosine >= COSINE
    if not (good and count):
        wanted = f"‖a−b‖/‖b‖ ≤ {TOLERANCE:g}" if precision == "fp32" else f"a cosine ≥ {COSINE:g}"
        raise ModelError(
            f"{path.name}: expected the {precision} graph to equal its network ({wanted}), found "
            f"{relative:.2g} and a cosine of {cosine:.6f} in {count} cases; "
            "look for an operator that exports differently."
        )
    return Parity(cases=count, relative=relative, cosine=cosine)


def apart(expected: Array, found: Array) -> tuple[float, float]:
    """‖found − expected‖ / ‖expected‖ and the cosine between them; (inf, −1) for what is no number."""
    a, b = expected.ravel().astype(np.float64), found.ravel().astype(np.float64)
    if a.shape != b.shape or not (np.isfinite(a).all() and np.isfinite(b).all()):
        return float("inf"), -1.0
    long = max(float(np.linalg.norm(a)), 1e-12)
    return float(np.linalg.norm(b - a)) / long, float(a @ b) / (long * max(float(np.linalg.norm(b)), 1e-12))


class Staging:
    """A hidden folder beside the place of a model: what goes wrong leaves nothing behind."""

    def __init__(self, place: Path) -> None:
        self._place = place

    def __enter__(self) -> Path:
        folder = self._place.parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._work = Path(tempfile.mkdtemp(prefix=f".{self._place.stem}-", dir=folder))
        except OSError as error:
            raise UsageError(
                f"{folder}: expected a folder to write models to, found {error.strerror}; choose another."
            ) from error
        return self._work

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._work, ignore_errors=True)


def finish(work: Path, place: Path, card: Card, parity: Parity | None) -> Card:
    """Complete the card of the staged model and move all files to their place, the card last."""
    staged = work / place.name
    done = msgspec.structs.replace(
        card,
        file=place.name,
        sha256=sha256_of(staged),
        size=staged.stat().st_size,
        graph=msgspec.structs.replace(card.graph, file=place.name),
        parity=parity,
        created=datetime.date.today().isoformat(),
    )
    note = work / card_file(place).name
    note.write_bytes(msgspec.json.format(msgspec.json.encode(done), indent=2) + b"\n")
    for file in sorted(work.iterdir(), key=lambda file: file == note):
        file.replace(place.parent / file.name)
    return done


def versions(*names: str) -> dict[str, str]:
    """Of the tools that made a model."""
    return {name: version(name) for name in ("undertone", *names)}
