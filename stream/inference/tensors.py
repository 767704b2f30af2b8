"""A graph's inputs and outputs: compared with its manifest entry, or read from the file if it has none."""

from pathlib import Path
from typing import Any

import numpy as np

from stream.bundle.manifest import Graph, Tensor
from stream.errors import BundleError, ModelError

_DTYPES = {"tensor(float)": "float32", "tensor(int64)": "int64", "tensor(bool)": "bool"}


def compare(path: Path, expected: tuple[Tensor, ...], found: list[Any], side: str) -> None:
    """Raises BundleError if a session's inputs or outputs (``side``) differ from those in the manifest."""
    want = {t.name: (tuple(t.shape), t.dtype) for t in expected}
    have = {node.name: (tuple(node.shape), _DTYPES.get(node.type, node.type)) for node in found}
    for name in sorted(want.keys() | have.keys()):
        if want.get(name) != have.get(name):
            raise BundleError(
                f"{path}: expected {side} {name} as {_shown(want.get(name))}, "
                f"found {_shown(have.get(name))}; "
                "the graph and manifest.json do not belong together, export the bundle again."
            )


def graph_from_session(path: Path, session: Any) -> Graph:
    """The graph's entry as read from the file. A dynamic first dimension is 1; a run on zeros gives the
    output shapes.

    Raises ModelError for inputs or outputs that are not float32, or inputs of dynamic size.
    """
    inputs = []
    for node in session.get_inputs():
        shape = [1 if i == 0 and not isinstance(n, int) else n for i, n in enumerate(node.shape)]
        if node.type != "tensor(float)" or not all(isinstance(n, int) for n in shape):
            raise ModelError(
                f"{path}: expected float32 inputs of fixed shape, found {node.name} as {node.type}"
                f"{node.shape}; export the model for one picture of one size."
            )
        inputs.append(Tensor(name=node.name, shape=tuple(shape), dtype="float32"))
    names = [node.name for node in session.get_outputs()]
    found = session.run(names, {t.name: np.zeros(t.shape, t.dtype) for t in inputs})
    outputs = []
    for name, value in zip(names, found, strict=True):
        if value.dtype != np.float32:
            raise ModelError(
                f"{path}: expected float32 outputs, found {name} as {value.dtype}; "
                "export it with float32 outputs."
            )
        outputs.append(Tensor(name=name, shape=value.shape, dtype="float32"))
    return Graph(file=path.name, inputs=tuple(inputs), outputs=tuple(outputs))


def _shown(spec: tuple[tuple[int, ...], str] | None) -> str:
    return "nothing" if spec is None else f"{spec[1]}{list(spec[0])}"
