"""A run → a folder of ONNX graphs, each held against its branch, and what is needed to use them.

    gesture.json            classes, points, inputs, temperatures, weights, where it comes from
    gesture-joints.onnx     one graph a branch: a clip in, logits of 32 classes out
    golden.safetensors      inputs that were not traced, and what each graph must answer

These heads read whole clips, as Track 1 asks; they are no live heads and know no "none".
"""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from export.lowering.module_parity import Report, check
from export.lowering.to_onnx import export
from stream.bundle.manifest import Graph
from stream.errors import UsageError
from stream.files import replace_with, sha256_of
from training.corpus.gestures import NAMES
from training.gestures.data.inputs import Reader
from training.gestures.models.head import LogitsOnly
from training.gestures.points import SETS
from training.gestures.recipe import PICTURE, BranchName, GestureRecipe
from training.gestures.runs.branches import restored
from training.gestures.runs.materials import Materials
from training.gestures.runs.run import NOTICE, about_of, recipe_of

CARD, GOLDEN = "gesture.json", "golden.safetensors"
CASES = 3  # parity cases of each graph; the first is the traced one
NORMAL = (
    "points of a clip: minus the mean of the seen nose, neck and shoulders over the clip, divided by its "
    "median "
    "shoulder width; invalid points are 0"
)


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """``gesture.json``."""

    schema: int = 1
    classes: tuple[str, ...]
    points: tuple[int, ...]  # of the 137
    normalisation: str
    graphs: dict[str, Graph]  # by branch; pictures are RGB in 0..255
    views: dict[str, str]  # of the picture branches: saliency or portrait
    sha256: dict[str, str]  # of the graphs' files
    temperatures: dict[str, float]
    weights: dict[str, float]
    recipe: str
    simulated: bool
    notice: str


def deliver(
    run: Path, materials: Materials, out: Path, say: Callable[[str], None] = lambda line: None
) -> Card:
    """Export every branch of a run's last round, hold each graph against it, and write the folder.

    UsageError for a run that is not finished, another corpus than the run's, and a folder that holds
    something else; ModelError for a graph that does not say what its branch says.
    """
    about, recipe = about_of(run), recipe_of(run)
    if about.materials != materials.mark:
        raise UsageError(
            f"{run}: expected the corpus that it learnt from, found another; name it with --corpus."
        )
    if out.exists() and any(out.iterdir()) and not (out / CARD).is_file():
        raise UsageError(
            f"{out}: expected an empty folder or an earlier delivery, found other files; name another."
        )
    voting = about.rounds[-1]
    places = np.array(materials.parts.test[:CASES], np.int64)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as made:
        part = Path(made)
        graphs: dict[str, Graph] = {}
        golden: dict[str, NDArray[np.float32]] = {}
        for name in recipe.branches:
            net = LogitsOnly(restored(name, recipe, run / voting.folders[name]).cpu())
            cases = _cases(materials.reader(name, recipe), places)
            graphs[name], report = _graph(net, name, cases, part)
            golden |= _answers(net, name, cases)
            say(f"{report.file}: worst relative error {report.worst:.1e} over {report.cases} inputs")
        save_file(golden, part / GOLDEN)
        card = _card(recipe, graphs, part, voting.temperatures, voting.weights, simulated=about.simulated)
        replace_with(part / CARD, msgspec.json.format(msgspec.json.encode(card)) + b"\n")
        if out.exists():
            shutil.rmtree(out)
        part.rename(out)
        part.mkdir()  # what the context manager takes away
    say(f"{out}: {sum(p.stat().st_size for p in out.iterdir()) / 1e6:.1f} MB")
    return card


def _cases(read: Reader, places: NDArray[np.int64]) -> list[NDArray[np.float32]]:
    """Inputs of one clip each, float32, batch of 1."""
    return [read(places[i : i + 1]).float().numpy() for i in range(len(places))]


def _graph(
    net: LogitsOnly, name: BranchName, cases: list[NDArray[np.float32]], folder: Path
) -> tuple[Graph, Report]:
    import torch

    path = folder / f"gesture-{name}.onnx"
    graph = export(net, {"clip": torch.from_numpy(cases[0].copy())}, "logits", path)
    return graph, check(net, graph, path, [{"clip": case} for case in cases])


def _answers(
    net: LogitsOnly, name: BranchName, cases: list[NDArray[np.float32]]
) -> dict[str, NDArray[np.float32]]:
    import torch

    clips = np.concatenate(cases[1:] or cases)
    with torch.no_grad():
        logits = net(torch.from_numpy(clips.copy())).numpy()
    return {f"{name}.clip": clips, f"{name}.logits": logits}


def _card(
    recipe: GestureRecipe,
    graphs: dict[str, Graph],
    folder: Path,
    temperatures: dict[str, float],
    weights: dict[str, float],
    *,
    simulated: bool,
) -> Card:
    views: dict[str, str] = {name: getattr(recipe, name).view for name in PICTURE if name in recipe.branches}
    return Card(
        classes=NAMES,
        points=SETS[recipe.points].points,
        normalisation=NORMAL,
        graphs=graphs,
        views=views,
        sha256={name: sha256_of(folder / graph.file) for name, graph in graphs.items()},
        temperatures=temperatures,
        weights=weights,
        recipe=recipe.name,
        simulated=simulated,
        notice=NOTICE if simulated else "",
    )
