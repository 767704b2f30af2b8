"""Compares an ONNX graph with the module it was exported from, on inputs other than the traced ones."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from stream.bundle.manifest import Graph
from stream.errors import ModelError

if TYPE_CHECKING:  # `export check` must run without torch
    from torch import nn

TOLERANCE = 1e-4  # largest difference over the largest expected magnitude, float32

Case = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """The parity of a graph with its module."""

    file: str
    cases: int
    worst: float  # relative error


def session(path: Path, threads: int = 1) -> Any:
    """A CPU session of an ONNX file, for checks only; the live side uses `stream.inference.engine`."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def check(
    module: "nn.Module", graph: Graph, path: Path, cases: Iterable[Case], tolerance: float = TOLERANCE
) -> Report:
    """Compare on every case; raises ModelError if an output differs too much or is not finite."""
    import torch

    module = module.eval()
    runner = session(path)
    _check_names(graph, runner, path)
    worst, count = 0.0, 0
    for case in cases:
        inputs = {t.name: np.ascontiguousarray(case[t.name]) for t in graph.inputs}
        with torch.no_grad():
            output = module(*(torch.from_numpy(v.copy()) for v in inputs.values()))
        expected = [output] if isinstance(output, torch.Tensor) else output
        actual = runner.run([t.name for t in graph.outputs], inputs)
        differences = [_relative(e.numpy(), a) for e, a in zip(expected, actual, strict=True)]
        worst, count = max(worst, *differences), count + 1
        if not worst <= tolerance:
            raise ModelError(
                f"{path.name}: expected the graph within {tolerance:g} of its module, found a relative error "
                f"of {worst:.2g} in case {count}; look for an operator that exports differently."
            )
    if not count:
        raise ModelError(f"{path.name}: expected at least one parity case, found none; pass some inputs.")
    return Report(file=path.name, cases=count, worst=worst)


def _relative(expected: NDArray[Any], actual: NDArray[Any]) -> float:
    if expected.shape != actual.shape or not (np.isfinite(expected).all() and np.isfinite(actual).all()):
        return float("inf")
    return float(np.abs(expected - actual).max() / max(float(np.abs(expected).max()), 1e-3))


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

    Masked rows keep their random numbers, so a graph that wrongly reads them differs from its module.
    ``vocabulary`` bounds the int64 inputs.
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
