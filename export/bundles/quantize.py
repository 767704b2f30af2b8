"""``undertone-export quantize``: writes a bundle in lower precision, as far as the gate passes.

A part is quantized as a unit: a graph of full mode, or all hops of a ring branch. A file that both modes use
is one part and is checked in both.
"""

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar, cast

import numpy as np
import onnx
from msgspec import structs

from export.bundles.write import copied
from export.lowering import precision as baked
from stream.branches.image import crop_portrait, normalised
from stream.bundle.load import Bundle
from stream.bundle.manifest import Graph, Manifest, graphs_of
from stream.capture.capture import Capture
from stream.capture.source import Source
from stream.errors import BundleError, ModelError, SourceError, UsageError
from stream.frontend.mediapipe import embedded
from stream.records import Floats
from stream.verify import bundle_parity
from stream.verify.bundle_parity import RING, Difference, Report, named_graphs, tolerance_of
from stream.window.grid import Grid

Precision = Literal["fp16", "int8"]
Key = TypeVar("Key", int, str)
STATIC = "image_encoder"  # quantized statically: a few portraits represent its inputs well
SUPPORTED: dict[Precision, tuple[str, ...]] = {  # in both modes
    "fp16": ("keypoints", "image", "text", "fusion", STATIC),
    "int8": ("keypoints", "image", "text", STATIC),  # the fusion is too small to benefit
}
PORTRAITS = 24  # that calibrate the image encoder


@dataclass(frozen=True, slots=True)
class Part:
    """Graph files that are quantized together."""

    files: tuple[str, ...]
    report_names: tuple[str, ...]  # its names in the gate's report


def quantize(
    bundle: Bundle,
    out: Path,
    precision: str,
    branches: Sequence[str] | None = None,
    *,
    portraits: str = "demo",
    threads: int = 2,
) -> Iterator[str]:
    """Write ``bundle`` to ``out`` with ``branches`` (default: all that support it) in ``precision``; yields a
    line per part. Each part in turn replaces its float32 graphs, and stays if the whole bundle passes the
    gate.

    ``portraits``: a video whose portraits calibrate the int8 image encoder. Raises UsageError for an unknown
    precision or branch, BundleError for a bundle without golden tensors, ModelError if no part passes.
    """
    selected = select_parts(bundle, precision, branches)
    kind = cast(Precision, precision)
    if bundle.manifest.golden is None:
        raise BundleError(
            f"{bundle.folder}: expected golden tensors to hold {precision} against, found none; "
            "add them with `undertone-export golden`."
        )
    with tempfile.TemporaryDirectory(prefix="quantize-") as work:
        folder = Path(work) / "bundle"
        shutil.copytree(bundle.folder, folder)
        current = structs.replace(bundle, folder=folder)
        kept: list[str] = []
        for name, part in selected.items():
            cases = portrait_cases(bundle, portraits, threads) if (kind, name) == ("int8", STATIC) else []
            candidate = structs.replace(current, manifest=with_precision(current.manifest, part.files, kind))
            for file in part.files:
                reduce(bundle.path(file), folder / file, kind, cases)
            report = bundle_parity.check(candidate, threads=threads)
            if report.passed:
                current = candidate
                kept.append(name)
                yield f"{name}: {precision}, {figures(report, part)}"
            else:
                for file in part.files:
                    shutil.copyfile(bundle.path(file), folder / file)
                yield f"{name}: {refusal(bundle, report, part, kind)}"
        if not kept:
            raise ModelError(
                f"{bundle.folder}: expected at least one branch that passes the gate in {precision}, found "
                "none; keep the float32 bundle."
            )
        files = [file for name in kept for file in selected[name].files]
        written = copied(bundle, out, lambda fresh: _fill(fresh, current, kind, files))
    size = sum(entry.size for entry in written.manifest.files.values())
    yield f"{written.folder}: {size / 1e6:.1f} MB, {', '.join(kept)} in {precision}"


def parts(bundle: Bundle, precision: Precision) -> dict[str, Part]:
    """The parts of a bundle that support a precision, by name, in the bundle's order."""
    all_parts = {name: Part((graph.file,), (name,)) for name, graph in named_graphs(bundle).items()}
    for name, files in _ring_files(bundle, precision).items():
        same = next((other for other, part in all_parts.items() if part.files == files), None)
        if same is None:
            all_parts[RING + name] = Part(files, (RING + name,))
        else:
            all_parts[same] = Part(files, (same, RING + name))
    return {name: part for name, part in all_parts.items() if name.removeprefix(RING) in SUPPORTED[precision]}


def _ring_files(bundle: Bundle, precision: Precision) -> dict[str, tuple[str, ...]]:
    """The graph files of each branch of ring mode, and of its fusion."""
    mode = bundle.manifest.modes.get("ring")
    if mode is None:
        return {}
    graphs = {**mode.branches, "fusion": mode.fusion}
    files_of: dict[str, tuple[str, ...]] = {name: (graph.file,) for name, graph in graphs.items()}
    for name, steps in mode.steps.items():
        files = tuple(graph.file for graph in steps.graphs.values())
        # A readout does not benefit from int8: it is one product with one row.
        files_of[name] = files if precision == "int8" else files + files_of[name]
    return files_of


def select_parts(bundle: Bundle, precision: str, branches: Sequence[str] | None) -> dict[str, Part]:
    """Parts to quantize. Raises UsageError for an unknown precision or branch, or a quantized bundle."""
    if precision not in SUPPORTED:
        raise UsageError(f"--precision: expected fp16 or int8, found {precision!r}; choose one of these.")
    possible = parts(bundle, precision)
    for name in branches or ():
        if name not in possible:
            raise UsageError(
                f"--branch: expected some of {', '.join(possible)} for {precision}, found {name!r}; "
                "choose one of these."
            )
    selected = {name: part for name, part in possible.items() if name in (branches or possible)}
    current = {graph.file: graph.precision for graph in graphs_of(bundle.manifest)}
    for name, part in selected.items():
        done = [current[file] for file in part.files if current[file] != "fp32"]
        if done:
            raise UsageError(
                f"{bundle.folder}: expected {name} in float32, found {done[0]}; "
                "quantize the float32 bundle that it was made from."
            )
    return selected


def reduce(path: Path, out: Path, precision: Precision, cases: Sequence[dict[str, Floats]] = ()) -> None:
    """Write a graph in lower precision; int8 is static if there are ``cases``, else dynamic."""
    if precision == "fp16":
        onnx.save(baked.fp16(onnx.load(path)), out)
    elif cases:
        baked.int8_static(path, out, cases)
    else:
        baked.int8(path, out)


def with_precision(manifest: Manifest, files: Sequence[str], precision: Precision) -> Manifest:
    """The manifest with ``precision`` set for every graph of these files."""

    def one(graph: Graph) -> Graph:
        return structs.replace(graph, precision=precision) if graph.file in files else graph

    def all_of(graphs: Mapping[Key, Graph]) -> dict[Key, Graph]:
        return {key: one(graph) for key, graph in graphs.items()}

    image, modes = manifest.image, {}
    for name, mode in manifest.modes.items():
        steps = {branch: structs.replace(s, graphs=all_of(s.graphs)) for branch, s in mode.steps.items()}
        modes[name] = structs.replace(
            mode, branches=all_of(mode.branches), fusion=one(mode.fusion), steps=steps
        )
    image = structs.replace(image, encoder=one(image.encoder)) if image else None
    return structs.replace(manifest, image=image, modes=modes)


def portrait_cases(bundle: Bundle, source: str, threads: int) -> list[dict[str, Floats]]:
    """Portraits spread over a video, as inputs of the image encoder. Raises SourceError if it shows
    nobody."""
    image, window = bundle.manifest.image, bundle.manifest.window
    assert image is not None
    front_end, grid, second = embedded.from_cache(threads), Grid(window.rate), round(window.rate)
    cases = []
    with Capture(Source.parse(source), pace="fast") as capture:
        capture.open()
        for frame in capture.frames():
            tick = grid.claim(frame.pts, frame.discontinuity)
            if tick is None or tick % second != second // 2:
                continue  # not the moments of the golden portraits
            front_end.reset()
            portrait = front_end.push(frame).portrait
            if portrait is not None:
                crop = crop_portrait(frame.image, portrait, image.size)
                cases.append({image.encoder.inputs[0].name: normalised(crop, image)})
    if not cases:
        raise SourceError(f"{source}: expected somebody in the video, found nobody; choose another.")
    return [cases[i] for i in np.unique(np.linspace(0, len(cases) - 1, PORTRAITS).astype(int))]


def figures(report: Report, part: Part) -> str:
    """The largest difference of a part from its golden outputs, in words."""

    def severity(difference: Difference) -> tuple[bool, float]:
        return not difference.passed, difference.relative

    worst = max((d for d in report.graphs if d.graph in part.report_names), key=severity)
    return f"relative {worst.relative:.2g}, cosine {worst.cosine:.5f}, confidence off by {report.drift:.2g}"


def refusal(bundle: Bundle, report: Report, part: Part, precision: Precision) -> str:
    """Why a part stays float32, in one sentence."""
    allowed = tolerance_of(bundle, precision)
    return (
        f"expected at most relative {allowed.relative:g}, at least cosine {allowed.cosine:g} and a "
        f"confidence within {allowed.confidence:g} in {precision}, found {figures(report, part)}; "
        "it stays float32."
    )


def _fill(fresh: Path, reduced: Bundle, precision: Precision, files: Sequence[str]) -> Manifest:
    for file in files:
        shutil.copyfile(reduced.path(file), fresh / file)
    manifest = reduced.manifest
    command = f"{manifest.provenance.command}; undertone-export quantize --precision {precision}"
    return structs.replace(
        manifest,
        name=f"{manifest.name}-{precision}",
        provenance=structs.replace(manifest.provenance, command=command),
    )
