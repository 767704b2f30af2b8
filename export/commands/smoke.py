"""Runs every graph of a bundle on full, partly filled and empty inputs; lists what TensorRT does not
support."""

from collections.abc import Iterator

import numpy as np

from export.lowering.module_parity import random_cases, session
from export.lowering.operators import unsupported
from stream.bundle.load import Bundle
from stream.bundle.manifest import Graph, graphs_of
from stream.errors import BundleError


def inspect(bundle: Bundle) -> Iterator[str]:
    """One line per graph; raises BundleError if a graph does not match its manifest or gives NaN."""
    for graph in graphs_of(bundle.manifest):
        yield _one(bundle, graph)
        for problem in unsupported(bundle.path(graph.file)):
            yield f"{graph.file}: not for --provider tensorrt: {problem}"


def _one(bundle: Bundle, graph: Graph) -> str:
    path = bundle.path(graph.file)
    runner = session(path)
    for kind, specs, nodes in (
        ("inputs", graph.inputs, runner.get_inputs()),
        ("outputs", graph.outputs, runner.get_outputs()),
    ):
        expected = {t.name: list(t.shape) for t in specs}
        found = {n.name: list(n.shape) for n in nodes}
        if expected != found:
            raise BundleError(f"{path}: expected {kind} {expected}, found {found}; export the bundle again.")
    for case in random_cases(graph):
        if not all(np.isfinite(output).all() for output in runner.run(None, case)):
            raise BundleError(f"{path}: expected finite outputs, found NaN; export the bundle again.")
    return f"{graph.file}: shapes match, outputs are finite"
