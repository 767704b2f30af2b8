"""All networks of one mode → graphs in a folder, each compared with its module."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from export.lowering.module_parity import Case, Report, check, random_cases
from export.lowering.to_onnx import export
from export.modules.branches import Fusion, Image, Keypoints, Portrait, Text
from stream.bundle.manifest import BRANCHES, Graph, Window


@dataclass(frozen=True, slots=True, eq=False)
class Networks:
    """The modules of a bundle and the sizes of their inputs; a branch that is None is left out."""

    window: Window
    out: int  # E, width of every branch vector
    fusion: Fusion
    keypoints: Keypoints | None = None
    image: Image | None = None
    portrait: Portrait | None = None  # comes with image
    feature_dim: int = 0  # D
    portrait_px: int = 0  # S
    text: Text | None = None
    text_length: int = 0  # L
    vocabulary: int = 1

    def __post_init__(self) -> None:
        if (self.image is None) != (self.portrait is None):
            raise ValueError("an image branch needs its portrait encoder, and the encoder its branch")


@dataclass(frozen=True, slots=True, eq=False)
class WrittenGraphs:
    """Graph specifications for the manifest, and the parity of each graph with its module."""

    branches: dict[str, Graph]
    fusion: Graph
    encoder: Graph | None
    reports: list[Report] = field(default_factory=list)


def write_graphs(
    networks: Networks, folder: Path, cases: Mapping[str, Iterable[Case]] | None = None
) -> WrittenGraphs:
    """Export every network into ``folder`` and check parity.

    The test inputs are random (full, partly filled, with gaps, fully masked) plus those of ``cases``, by file
    stem. Raises ModelError when a graph differs from its module.
    """
    cases = cases or {}
    reports: list[Report] = []

    def write_one(
        name: str, module: nn.Module | None, inputs: dict[str, Tensor], output: str
    ) -> Graph | None:
        if module is None:
            return None
        path = folder / f"{name}.onnx"
        graph = export(module, inputs, output, path)
        all_cases = [*random_cases(graph, vocabulary=networks.vocabulary), *cases.get(name, ())]
        reports.append(check(module, graph, path, all_cases))
        return graph

    traced = traced_inputs(networks)
    branches = {name: write_one(name, getattr(networks, name), traced[name], "vector") for name in BRANCHES}
    fusion = write_one("fusion", networks.fusion, traced["fusion"], "logit")
    encoder = write_one("image_encoder", networks.portrait, traced["image_encoder"], "feature")
    assert fusion is not None
    return WrittenGraphs({n: g for n, g in branches.items() if g is not None}, fusion, encoder, reports)


class ModuleRunner:
    """Runs a torch module in place of its graph, to compute the reference outputs."""

    def __init__(self, module: nn.Module, graph: Graph) -> None:
        self._module, self._names = module.eval(), [t.name for t in graph.inputs]

    def __call__(self, **inputs: NDArray[Any]) -> tuple[NDArray[Any], ...]:
        values = (torch.from_numpy(np.array(inputs[name])) for name in self._names)
        with torch.no_grad():
            return (self._module(*values).numpy(),)

    def warm_up(self) -> None:
        """Nothing is built at the first call."""


def module_runners(networks: Networks, written: WrittenGraphs) -> dict[str, ModuleRunner]:
    """A runner per branch, and one for ``fusion``."""
    runners = {name: ModuleRunner(getattr(networks, name), graph) for name, graph in written.branches.items()}
    return runners | {"fusion": ModuleRunner(networks.fusion, written.fusion)}


def traced_inputs(networks: Networks) -> dict[str, dict[str, Tensor]]:
    """Example inputs per graph, in the order of its module's ``forward``; batch 1, the window's shapes."""
    window, out = networks.window, networks.out
    generator = torch.Generator().manual_seed(7)

    def rows(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    def mask(n: int) -> Tensor:
        return torch.ones(1, n, dtype=torch.bool)

    groups = {name: rows(1, window.poses, width) for name, width in window.widths.items()}
    return {
        "keypoints": groups | {f"{name}_mask": mask(window.poses) for name in groups},
        "image": {
            "features": rows(1, window.features, networks.feature_dim),
            "feature_mask": mask(window.features),
        },
        "text": {
            "ids": torch.zeros(1, networks.text_length, dtype=torch.int64),
            "ids_mask": mask(networks.text_length),
        },
        "fusion": {name: rows(1, out) for name in BRANCHES} | {"present": mask(len(BRANCHES))},
        "image_encoder": {"portrait": rows(1, 3, networks.portrait_px, networks.portrait_px)},
    }
