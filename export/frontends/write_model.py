"""A network → ONNX, card and golden answers, held against the network on inputs that were not traced."""

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

from export.lowering.float16 import halved
from export.lowering.module_parity import Case, session
from export.lowering.to_onnx import LARGEST, export
from stream import __version__
from stream.bundle import external_data
from stream.bundle.manifest import Graph
from stream.bundle.model_card import Answered, Card, Parity, card_file
from stream.errors import ModelError, UsageError
from stream.files import sha256_of
from stream.verify import model_parity
from stream.verify.model_parity import Arrays

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
    golden: Arrays,
    parts: Parts = whole,
    tail: bool = False,
    beside: Mapping[str, Path] | None = None,
) -> Card:
    """Write ``place`` (an ``.onnx``), its card and its golden answers, or nothing at all; returns the card.

    ``card`` gets the graph and says what is known; hashes and parity are added here. The module answers the
    ``golden`` inputs (see `stream.verify.model_parity.feeds`), and the graph is held against it on those and
    on ``cases``.
    ``parts`` are what of an output is compared on its own; ``beside`` are files that are copied along, by
    their new names. Raises ModelError when the graph differs from the module.
    """
    weights = sum(p.nbytes for p in (*module.parameters(), *module.buffers()))
    if precision == "fp16" and weights > LARGEST:
        raise ModelError(
            f"{place.name}: expected at most {LARGEST / 1e9:.1f} GB of weights for fp16, found "
            f"{weights / 1e9:.1f} GB; export it in fp32."
        )
    with Staging(place) as work:
        graph = export(module, inputs, output, work / place.name)
        if precision == "fp16":
            onnx.save(halved(onnx.load(work / place.name), tail=tail), work / place.name)
        built = card(graph)
        feeds = list(model_parity.feeds(built, golden))
        parity = prove(module, graph, work / place.name, [*cases, *feeds], precision, parts)
        said = [(_said(module, graph, case),) for case in feeds]
        answer(work, place, built, golden, said)
        for name, file in (beside or {}).items():
            shutil.copyfile(file, work / name)
        return finish(
            work, place, built, parity, f"the network in float32, torch {torch.__version__} on a CPU"
        )


def prove(
    module: nn.Module, graph: Graph, path: Path, cases: Iterable[Case], precision: Precision, parts: Parts
) -> Parity:
    """Compare on every case; raises ModelError when one differs too much or is no number."""
    runner = session(path)
    relative, cosine, count = 0.0, 1.0, 0
    for case in cases:
        expected = _said(module, graph, case)
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


def _said(module: nn.Module, graph: Graph, case: Case) -> Array:
    with torch.inference_mode():
        said: Array = module(*(torch.from_numpy(np.array(case[t.name])) for t in graph.inputs)).numpy()
    return said


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


def draft(*tools: str, **known: Any) -> Card:
    """A card of what is known before the file is there; ``tools`` are the packages that make it."""
    versions = {"undertone": __version__}  # the key of every card; the distribution has a longer name
    versions |= {name: version(name) for name in (*tools, "onnx", "onnxruntime-gpu")}
    return Card(file="", sha256="", size=0, tools=versions, created="", **known)


def answer(work: Path, place: Path, card: Card, inputs: Arrays, said: Sequence[Sequence[Array]]) -> None:
    """Stage the golden answers of a model: a tuple of outputs for each input."""
    model_parity.save(work / golden_file(place), inputs, model_parity.answered(card, said))


def golden_file(place: Path) -> str:
    """Name of a model's golden answers, beside it."""
    return f"{place.stem}.golden.npz"


def finish(work: Path, place: Path, card: Card, parity: Parity | None, answers: str) -> Card:
    """Complete the card of the staged model and move all files to their place, the card last.

    ``answers`` says what gave the golden ones.
    """
    staged, golden = work / place.name, work / golden_file(place)
    done = msgspec.structs.replace(
        card,
        file=place.name,
        sha256=sha256_of(staged),
        size=staged.stat().st_size,
        weights={name: sha256_of(work / name) for name in external_data.check(staged, work)},
        graph=msgspec.structs.replace(card.graph, file=place.name),
        parity=parity,
        golden=Answered(file=golden.name, sha256=sha256_of(golden), outputs=answers),
        created=datetime.date.today().isoformat(),
    )
    note = work / card_file(place).name
    note.write_bytes(msgspec.json.format(msgspec.json.encode(done), indent=2) + b"\n")
    for file in sorted(work.iterdir(), key=lambda file: file == note):
        file.replace(place.parent / file.name)
    return done
