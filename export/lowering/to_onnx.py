"""Module → one ONNX file with fixed shapes; the only caller of torch's exporter.

Weights beyond the limit of a protocol buffer (2 GB) go into ``NAME.onnx.data`` beside it.
"""

import contextlib
import io
import logging
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import Tensor, nn

from stream.bundle.manifest import Graph
from stream.bundle.manifest import Tensor as Spec

OPSET = 18
LARGEST = 1_900_000_000  # most bytes of weights stored inside the file
_DTYPES: dict[torch.dtype, Any] = {torch.float32: "float32", torch.int64: "int64", torch.bool: "bool"}


def export(
    module: nn.Module,
    inputs: Mapping[str, Tensor],
    output: str | Sequence[str],
    path: Path,
    *,
    largest: int = LARGEST,
) -> Graph:
    """Write ``module`` to ``path`` as traced on ``inputs`` (in the order of its ``forward``).

    Shapes are those of ``inputs``, batch included; several outputs are named in order. Returns the graph's
    specification for a manifest, with the file's bare name.
    """
    module = module.eval()
    external = sum(p.nbytes for p in (*module.parameters(), *module.buffers())) > largest
    names = [output] if isinstance(output, str) else list(output)
    with torch.no_grad():
        output_values = module(*inputs.values())
    results = (output_values,) if isinstance(output_values, Tensor) else output_values
    with warnings.catch_warnings(), _quiet():
        warnings.simplefilter("ignore")  # the exporter warns about its own internals
        torch.onnx.export(
            module,
            tuple(inputs.values()),
            path,
            input_names=list(inputs),
            output_names=names,
            opset_version=OPSET,
            dynamo=True,
            external_data=external,
            verbose=False,
        )
    _strip(path, external)
    return Graph(
        file=path.name,
        inputs=tuple(_spec(name, value) for name, value in inputs.items()),
        outputs=tuple(_spec(name, value) for name, value in zip(names, results, strict=True)),
    )


def _spec(name: str, value: Tensor) -> Spec:
    return Spec(name=name, shape=tuple(value.shape), dtype=_DTYPES[value.dtype])


def _strip(path: Path, external: bool) -> None:
    """Remove the exporter's metadata: stack traces with paths of this machine."""
    model = onnx.load(path)
    graph = model.graph
    model.doc_string = graph.doc_string = ""
    for part in (
        model,
        graph,
        *graph.node,
        *graph.input,
        *graph.output,
        *graph.value_info,
        *graph.initializer,
    ):
        part.ClearField("metadata_props")
    for node in graph.node:
        node.doc_string = ""
    data = f"{path.name}.data"
    if external:
        (path.parent / data).unlink(missing_ok=True)  # onnx would append to it
    onnx.save(model, path, save_as_external_data=external, location=data if external else None)
    onnx.checker.check_model(str(path))


@contextlib.contextmanager
def _quiet() -> Any:
    """Silence the exporter's log and progress output."""
    previous = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.disable(previous)
