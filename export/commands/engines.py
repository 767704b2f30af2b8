"""``undertone-export engines``: builds and verifies TensorRT engines of a bundle or of front-end models.

An engine works with one GPU, driver and TensorRT version (see `stream.inference.tensorrt_cache`), so none is
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

# Graph, engine file to write, folder of the timing cache, names of open dimensions that are set to 1.
Compile = Callable[[Path, Path, Path, Sequence[str]], None]
RunGate = Callable[[Subject, str], tuple[Report, Path]]


def build(
    targets: Sequence[Subject],
    out: Path | None = None,
    *,
    detect: Callable[[], Machine] = machine,
    compiler: Compile = compile_engine,
    run_gate: RunGate = gate.prove,
) -> Iterator[str]:
    """Build the missing engines and run the gate; yields a line for each.

    ``out`` is a cache folder in place of the user's. Raises ModelError for a graph that TensorRT's parser
    does not support, BundleError or ModelError for a bundle or model without golden outputs, ProviderError
    without a GPU or TensorRT 10, for a cache that other users can write to, and if the gate fails.
    """
    if out is not None:
        os.environ["UNDERTONE_CACHE"] = str(out)
    for subject in targets:
        for path in _graphs(subject):
            check(path)
        _check_golden(subject)
    here = detect()
    yield f"{here.gpu}, compute capability {here.sm}, TensorRT {here.tensorrt}, CUDA {here.cuda}"
    for subject in targets:
        gate.report_path(subject, "tensorrt").unlink(missing_ok=True)  # its engines may be gone
    timings = tensorrt_cache.own_folder(tensorrt_cache.own_folder(tensorrt_cache.folder()) / "timings")
    for subject in targets:
        for path in _graphs(subject):
            began = time.monotonic()
            engine = tensorrt_cache.put(path, here, partial(_compile, path, timings, compiler))
            yield f"{path.name}: {engine} ({time.monotonic() - began:.0f} s)"
        report, where = run_gate(subject, "tensorrt")
        if not report.passed:
            raise ProviderError(gate.refusal(report, where))
        yield f"{report.bundle}: passed the gate on tensorrt in {report.seconds:.0f} s, see {where}"


def check(path: Path) -> None:
    """Raises ModelError for a graph that TensorRT does not support, naming the first problem."""
    if problems := unsupported(path):
        more = f" and {len(problems) - 1} more" if len(problems) > 1 else ""
        raise ModelError(
            f"{path}: expected operators that TensorRT's parser takes, found {problems[0]}{more}; "
            "export it in fp32 or fp16, or use --provider cuda or cpu."
        )


def _graphs(subject: Subject) -> list[Path]:
    if isinstance(subject, Model):
        return [subject.path]
    return [subject.path(graph.file) for graph in graphs_of(subject.manifest)]


def _check_golden(subject: Subject) -> None:
    if isinstance(subject, Model):
        if subject.card.golden is None:
            raise ModelError(
                f"{subject.path}: expected golden outputs to prove its engine with, found none; "
                "export it again with `undertone-export frontends`."
            )
    elif subject.manifest.golden is None:
        raise BundleError(
            f"{subject.folder}: expected golden tensors to prove its engines with, found none; "
            f"run `undertone-export golden {subject.folder}` first."
        )


def _compile(graph: Path, timings: Path, compiler: Compile, place: Path) -> None:
    """Build one engine at ``place``; the timing cache must belong to this user alone, like the engines."""
    for path in timings.iterdir():
        tensorrt_cache.check_own(path)
    compiler(graph, place, timings, open_batches(graph))
    for path in timings.iterdir():
        path.chmod(0o600)
    nodes = [(node.domain, node.operator) for node in read(place).graph.nodes]
    if nodes != [("com.microsoft", "EPContext")]:
        raise ProviderError(
            f"{graph}: expected TensorRT to make one engine of the whole graph, found {len(nodes)} parts; "
            "use --provider cuda."
        )


def open_batches(graph: Path) -> list[str]:
    """Names of the batch dimensions that a published file leaves open; engines are built for batch 1."""
    batches = [value.shape[0] for value in read(graph).graph.inputs if value.shape]
    return sorted({batch for batch in batches if isinstance(batch, str)})
