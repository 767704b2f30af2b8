"""``undertone-export engines``: TensorRT engines of a bundle or of front-end models, built and proven here.

An engine belongs to one GPU, driver and TensorRT version (see `stream.inference.tensorrt_cache`), so none is
ever shipped: it is built on the machine that runs it and must then pass the gate there.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from export.lowering.onnx_file import read
from export.lowering.operators import unsupported
from stream.bundle.manifest import graphs_of
from stream.errors import BundleError, ModelError, ProviderError
from stream.inference import tensorrt_cache
from stream.inference.engine import compile_engine, machine
from stream.inference.tensorrt_cache import Machine
from stream.verify import gate
from stream.verify.bundle_parity import Report
from stream.verify.gate import Subject
from stream.verify.model_parity import Model

# Graph, engine to write, folder of timings, names of open dimensions that are one.
Compile = Callable[[Path, Path, Path, Sequence[str]], None]
Prove = Callable[[Subject, str], tuple[Report, Path]]


def build(
    found: Sequence[Subject],
    out: Path | None = None,
    *,
    about: Callable[[], Machine] = machine,
    compiled: Compile = compile_engine,
    proven: Prove = gate.prove,
) -> Iterator[str]:
    """Build the missing engines and run the gate; yields a line for each.

    ``out`` is a cache folder in place of the user's. Raises ModelError for a graph that TensorRT's parser
    does not take, BundleError or ModelError for what has no golden answers, ProviderError without a GPU or
    TensorRT 10, for a cache that others may reach, and where the gate fails.
    """
    if out is not None:
        os.environ["UNDERTONE_CACHE"] = str(out)
    for subject in found:
        for path in _graphs(subject):
            check(path)
        _check_provable(subject)
    here = about()
    yield f"{here.gpu}, compute capability {here.sm}, TensorRT {here.tensorrt}, CUDA {here.cuda}"
    for subject in found:
        gate.report_path(subject, "tensorrt").unlink(missing_ok=True)  # it may be on engines that are gone
    timings = tensorrt_cache.own_folder(tensorrt_cache.own_folder(tensorrt_cache.folder()) / "timings")
    for subject in found:
        for path in _graphs(subject):
            began = time.monotonic()
            engine = tensorrt_cache.put(path, here, partial(_one, path, timings, compiled))
            yield f"{path.name}: {engine} ({time.monotonic() - began:.0f} s)"
        report, where = proven(subject, "tensorrt")
        if not report.passed:
            raise ProviderError(gate.refusal(report, where))
        yield f"{report.bundle}: passed the gate on tensorrt in {report.seconds:.0f} s, see {where}"


def check(path: Path) -> None:
    """Raises ModelError, naming the first of them, for a graph with something that TensorRT does not take."""
    if found := unsupported(path):
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        raise ModelError(
            f"{path}: expected operators that TensorRT's parser takes, found {found[0]}{more}; "
            "export it in fp32 or fp16, or use --provider cuda or cpu."
        )


def _graphs(subject: Subject) -> list[Path]:
    if isinstance(subject, Model):
        return [subject.path]
    return [subject.path(graph.file) for graph in graphs_of(subject.manifest)]


def _check_provable(subject: Subject) -> None:
    if isinstance(subject, Model):
        if subject.card.golden is None:
            raise ModelError(
                f"{subject.path}: expected golden answers to prove its engine with, found none; "
                "export it again with `undertone-export frontends`."
            )
    elif subject.manifest.golden is None:
        raise BundleError(
            f"{subject.folder}: expected golden tensors to prove its engines with, found none; "
            f"run `undertone-export golden {subject.folder}` first."
        )


def _one(graph: Path, timings: Path, compiled: Compile, place: Path) -> None:
    """Build one engine; the timing cache is for this user alone, too."""
    for path in timings.iterdir():
        tensorrt_cache.check_own(path)
    compiled(graph, place, timings, open_batches(graph))
    for path in timings.iterdir():
        path.chmod(0o600)
    nodes = [(node.domain, node.operator) for node in read(place).graph.nodes]
    if nodes != [("com.microsoft", "EPContext")]:
        raise ProviderError(
            f"{graph}: expected TensorRT to make one engine of the whole graph, found {len(nodes)} parts; "
            "use --provider cuda."
        )


def open_batches(graph: Path) -> list[str]:
    """Names of first dimensions that a published file leaves open; an engine is built for one picture."""
    batches = [value.shape[0] for value in read(graph).graph.inputs if value.shape]
    return sorted({batch for batch in batches if isinstance(batch, str)})
