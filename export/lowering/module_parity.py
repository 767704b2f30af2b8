"""The ONNX graph against the module it came from, on inputs that were not traced."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from stream.bundle.manifest import Graph
from stream.errors import ModelError

if TYPE_CHECKING:  # a bundle is checked where there is no torch, too
    from torch import nn

TOLERANCE = 1e-4  # largest difference over the largest expected magnitude, float32

Case = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """How equal a graph is to its module."""

    file: str
    cases: int
    worst: float  # relative error


def session(path: Path, threads: int = 1) -> Any:
    """A CPU session of an ONNX file, for checks; the live side has its own engine."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def check(
    module: "nn.Module", graph: Graph, path: Path, cases: Iterable[Case], tolerance: float = TOLERANCE
) -> Report:
    """Compare on every case; raises ModelError when one differs too much or is no number."""
    import torch

    module = module.eval()
    runner = session(path)
    _check_names(graph, runner, path)
    worst, count = 0.0, 0
    for case in cases:
        inputs = {t.name: np.ascontiguousarray(case[t.name]) for t in graph.inputs}
        with torch.no_grad():
            said = module(*(torch.from_numpy(v.copy()) for v in inputs.values()))
        expected = [said] if isinstance(said, torch.Tensor) else said
        found = runner.run([t.name for t in graph.outputs], inputs)
        differences = [_relative(e.numpy(), f) for e, f in zip(expected, found, strict=True)]
        worst, count = max(worst, *differences), count + 1
        if not worst <= tolerance:
            raise ModelError(
                f"{path.name}: expected the graph within {tolerance:g} of its module, found a relative error "
                f"of {worst:.2g} in case {count}; look for an operator that exports differently."
            )
    if not count:
        raise ModelError(f"{path.name}: expected at least one parity case, found none; pass some inputs.")
    return Report(file=path.name, cases=count, worst=worst)


def _relative(expected: NDArray[Any], found: NDArray[Any]) -> float:
    if expected.shape != found.shape or not (np.isfinite(expected).all() and np.isfinite(found).all()):
        return float("inf")
    return float(np.abs(expected - found).max() / max(float(np.abs(expected).max()), 1e-3))


def _check_names(graph: Graph, runner: Any, path: Path) -> None:
    for kind, specs, nodes in (
        ("inputs", graph.inputs, runner.get_inputs()),
        ("outputs", graph.outputs, runner.get_outputs()),
    ):
        expected = {t.name: list(t.shape) for t in specs}
        found = {n.name: list(n.shape) for n in nodes}
        if expected != found:
            raise ModelError(f"{path.name}: expected {kind} {expected}, found {found}; export it again.")


def random_cases(graph: Graph, seed: int = 0, *, vocabulary: int = 2) -> list[dict[str, NDArray[Any]]]:
    """Untraced inputs of a graph: all rows valid, partly filled from the end, gaps, and nothing valid.

    Rows outside a mask keep their random numbers, so a graph that reads them is found out where the
    module does not. ``vocabulary`` bounds the int64 inputs.
    """
    rng = np.random.default_rng(seed)
    return [_case(graph, rng, kind, vocabulary) for kind in ("full", "partial", "gaps", "none", "single")]


def _case(graph: Graph, rng: np.random.Generator, kind: str, vocabulary: int) -> dict[str, NDArray[Any]]:
    case: dict[str, NDArray[Any]] = {}
    for spec in graph.inputs:
        if spec.dtype == "bool":
            case[spec.name] = _mask(spec.shape, rng, kind)
        elif spec.dtype == "int64":
            case[spec.name] = rng.integers(0, vocabulary, spec.shape)
        else:
            case[spec.name] = rng.normal(0, 1, spec.shape).astype(np.float32)
    return case


def _mask(shape: tuple[int, ...], rng: np.random.Generator, kind: str) -> NDArray[np.bool_]:
    mask = np.ones(shape, np.bool_)
    length = shape[-1]
    if kind == "partial":
        mask[..., : int(rng.integers(0, length))] = False
    elif kind == "gaps":
        mask = rng.random(shape) < 0.6
    elif kind == "none":
        mask[...] = False
    elif kind == "single":
        mask[..., : length - 1] = False
    return mask
