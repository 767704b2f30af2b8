"""Module → one ONNX file with fixed shapes and no external data; the only caller of torch's exporter."""

import contextlib
import io
import logging
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import Tensor, nn

from stream.contract import Graph
from stream.contract import Tensor as Spec

OPSET = 18
_DTYPES: dict[torch.dtype, Any] = {torch.float32: "float32", torch.int64: "int64", torch.bool: "bool"}


def export(module: nn.Module, inputs: Mapping[str, Tensor], output: str, path: Path) -> Graph:
    """Write ``module`` to ``path`` as traced on ``inputs`` (in the order of its ``forward``).

    Shapes are those of ``inputs``, batch included. Returns the graph's specification for a manifest,
    with the file's bare name.
    """
    module = module.eval()
    with torch.no_grad():
        result = module(*inputs.values())
    with warnings.catch_warnings(), _quiet():
        warnings.simplefilter("ignore")  # the exporter warns about its own internals
        torch.onnx.export(
            module,
            tuple(inputs.values()),
            path,
            input_names=list(inputs),
            output_names=[output],
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    _strip(path)
    return Graph(
        file=path.name,
        inputs=tuple(_spec(name, value) for name, value in inputs.items()),
        outputs=(_spec(output, result),),
    )


def _spec(name: str, value: Tensor) -> Spec:
    return Spec(name=name, shape=tuple(value.shape), dtype=_DTYPES[value.dtype])


def _strip(path: Path) -> None:
    """Remove what the exporter notes about this machine: stack traces with its paths."""
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
    onnx.checker.check_model(model)
    onnx.save(model, path)


@contextlib.contextmanager
def _quiet() -> Any:
    """The exporter logs and prints progress that is no business of the reader of a command."""
    previous = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.disable(previous)
