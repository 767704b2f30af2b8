"""Writes a network as ONNX with its card and golden outputs, after a parity check on untraced inputs."""

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

from export.lowering.float16 import to_float16
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

TOLERANCE = 1e-4  # ‖actual − expected‖ / ‖expected‖, float32
COSINE = 0.9999  # float16

Precision = Literal["fp32", "fp16"]
Array = NDArray[Any]
Parts = Callable[[Array], Sequence[Array]]


def whole(output: Array) -> Sequence[Array]:
    """An output that is compared as a whole."""
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
    extra_files: Mapping[str, Path] | None = None,
) -> Card:
    """Write ``place`` (an ``.onnx``), its card and its golden outputs, or nothing at all; returns the card.

    ``card`` makes a card from the graph; hashes and parity are added here. The golden outputs are the
    module's on the ``golden`` inputs (see `stream.verify.model_parity.feeds`); graph and module are compared
    on those and on ``cases``. ``parts`` splits an output into the parts that are compared separately;
    ``extra_files`` are copied along with the model, by their new names. Raises ModelError when the graph
    differs from the module.
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
            onnx.save(to_float16(onnx.load(work / place.name), tail=tail), work / place.name)
        built = card(graph)
        feeds = list(model_parity.feeds(built, golden))
        parity = check_parity(module, graph, work / place.name, [*cases, *feeds], precision, parts)
        outputs = [(_module_output(module, graph, case),) for case in feeds]
        save_golden(work, place, built, golden, outputs)
        for name, file in (extra_files or {}).items():
            shutil.copyfile(file, work / name)
        return finish(
            work, place, built, parity, f"the network in float32, torch {torch.__version__} on a CPU"
        )


def check_parity(
    module: nn.Module, graph: Graph, path: Path, cases: Iterable[Case], precision: Precision, parts: Parts
) -> Parity:
    """Compare on every case; raises ModelError if an output differs too much or is not finite."""
    runner = session(path)
    relative, cosine, count = 0.0, 1.0, 0
    for case in cases:
        expected = _module_output(module, graph, case)
        (actual,) = runner.run(None, {t.name: case[t.name] for t in graph.inputs})
        for a, b in zip(parts(expected), parts(actual), strict=True):
            error, similarity = difference(a, b)
            relative, cosine = max(relative, error), min(cosine, similarity)
        count += 1
    good = relative <= TOLERANCE if precision == "fp32" else cosine >= COSINE
    if not (good and count):
        limit = f"‖a−b‖/‖b‖ ≤ {TOLERANCE:g}" if precision == "fp32" else f"a cosine ≥ {COSINE:g}"
        raise ModelError(
            f"{path.name}: expected the {precision} graph to equal its network ({limit}), found "
            f"{relative:.2g} and a cosine of {cosine:.6f} in {count} cases; "
            "look for an operator that exports differently."
        )
    return Parity(cases=count, relative=relative, cosine=cosine)


def _module_output(module: nn.Module, graph: Graph, case: Case) -> Array:
    with torch.inference_mode():
        output: Array = module(*(torch.from_numpy(np.array(case[t.name])) for t in graph.inputs)).numpy()
    return output


def difference(expected: Array, actual: Array) -> tuple[float, float]:
    """‖actual − expected‖ / ‖expected‖ and the cosine between them; (inf, −1) if a number is not finite."""
    a, b = expected.ravel().astype(np.float64), actual.ravel().astype(np.float64)
    if a.shape != b.shape or not (np.isfinite(a).all() and np.isfinite(b).all()):
        return float("inf"), -1.0
    norm_a, norm_b = (max(float(np.linalg.norm(x)), 1e-12) for x in (a, b))
    return float(np.linalg.norm(b - a)) / norm_a, float(a @ b) / (norm_a * norm_b)


class Staging:
    """A hidden folder beside the model's own, so that a failed export leaves nothing behind."""

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


def draft(*tools: str, **fields: Any) -> Card:
    """A card with the ``fields`` that are known before the file exists; ``tools`` are the packages used."""
    versions = {"undertone": __version__}  # the key of every card; the distribution has a longer name
    versions |= {name: version(name) for name in (*tools, "onnx", "onnxruntime-gpu")}
    return Card(file="", sha256="", size=0, tools=versions, created="", **fields)


def save_golden(
    work: Path, place: Path, card: Card, inputs: Arrays, outputs: Sequence[Sequence[Array]]
) -> None:
    """Stage the golden inputs and outputs of a model: a tuple of outputs for each input."""
    model_parity.save(work / golden_file(place), inputs, model_parity.golden_outputs(card, outputs))


def golden_file(place: Path) -> str:
    """Name of the file with a model's golden outputs, beside the model."""
    return f"{place.stem}.golden.npz"


def finish(work: Path, place: Path, card: Card, parity: Parity | None, answers: str) -> Card:
    """Complete the card of the staged model and move all files to their place, the card last.

    ``answers`` describes the source of the golden outputs.
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
