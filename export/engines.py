"""``undertone-export engines``: TensorRT engines of a bundle or of one ONNX file, built and proven here.

What runs a graph on a GPU through TensorRT belongs to that GPU, driver and TensorRT, see `stream.engines`. So
nothing of it is ever shipped: whoever has the machine builds, and a bundle must then pass the parity gate.
"""

import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import onnx

from export.operators import unsupported
from stream import engines, gate
from stream.contract import Bundle, graphs_of, load
from stream.engine import compile_engine, machine
from stream.engines import Machine
from stream.errors import BundleError, ModelError, ProviderError
from stream.parity import Report

Compile = Callable[[Path, Path, Path], None]  # graph, engine to write, folder of timings
Prove = Callable[[Bundle, str], tuple[Report, Path]]


def build(
    target: Path,
    out: Path | None = None,
    *,
    about: Callable[[], Machine] = machine,
    compiled: Compile = compile_engine,
    proven: Prove = gate.prove,
) -> Iterator[str]:
    """Build what is not there yet and run the gate; a line for each.

    ``out`` is a cache folder in place of the user's. Raises ModelError for a graph that TensorRT's parser
    does not take, BundleError for a bundle without golden tensors, ProviderError without a GPU or TensorRT
    10, for a cache that others may reach, and where the gate fails.
    """
    if out is not None:
        os.environ["UNDERTONE_CACHE"] = str(out)
    bundle = None if target.is_file() else load(target)
    paths = [bundle.path(g.file) for g in graphs_of(bundle.manifest)] if bundle else [target]
    for path in paths:
        check(path)
    if bundle is not None and bundle.manifest.golden is None:
        raise BundleError(
            f"{bundle.folder}: expected golden tensors to prove its engines with, found none; "
            f"run `undertone-export golden {bundle.folder}` first."
        )
    here = about()
    yield f"{here.gpu}, compute capability {here.sm}, TensorRT {here.tensorrt}, CUDA {here.cuda}"
    if bundle is not None:
        gate.report_path(bundle, "tensorrt").unlink(missing_ok=True)  # it may be on engines that are gone
    timings = engines.own_folder(engines.own_folder(engines.folder()) / "timings")
    for path in paths:
        began = time.monotonic()
        engine = engines.put(path, here, partial(_one, path, timings, compiled))
        yield f"{path.name}: {engine} ({time.monotonic() - began:.0f} s)"
    if bundle is None:
        return
    report, where = proven(bundle, "tensorrt")
    if not report.passed:
        raise ProviderError(gate.refusal(report, where))
    yield f"{bundle.manifest.name}: passed the gate on tensorrt in {report.seconds:.0f} s, see {where}"


def check(path: Path) -> None:
    """Raises ModelError, naming the first of them, for a graph with something that TensorRT does not take."""
    if found := unsupported(path):
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        raise ModelError(
            f"{path}: expected operators that TensorRT's parser takes, found {found[0]}{more}; "
            "export it in fp32 or fp16, or use --provider cuda or cpu."
        )


def _one(graph: Path, timings: Path, compiled: Compile, place: Path) -> None:
    """An engine and nothing beside it; what was timed on the way is for this user alone, too."""
    for path in timings.iterdir():
        engines.check_own(path)
    compiled(graph, place, timings)
    for path in timings.iterdir():
        path.chmod(0o600)
    nodes = [(node.domain, node.op_type) for node in onnx.load(place).graph.node]
    if nodes != [("com.microsoft", "EPContext")]:
        raise ProviderError(
            f"{graph}: expected TensorRT to make one engine of the whole graph, found {len(nodes)} parts; "
            "use --provider cuda."
        )
