"""``undertone-export quantize``: a bundle whose branches have a lower precision, if the gate lets them.

A part is what is reduced together: a graph of full mode, or all hops of a ring. A file that both modes read
is one part, and both are judged by it.
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

Reduced = Literal["fp16", "int8"]
Key = TypeVar("Key", int, str)
STATIC = "image_encoder"  # sees pictures, of which a few stand for all
FOR: dict[Reduced, tuple[str, ...]] = {  # of either mode
    "fp16": ("keypoints", "image", "text", "fusion", STATIC),
    "int8": ("keypoints", "image", "text", STATIC),  # the fusion is too small to gain
}
PORTRAITS = 24  # for calibration


@dataclass(frozen=True, slots=True)
class Part:
    """What is reduced together."""

    files: tuple[str, ...]
    judged: tuple[str, ...]  # its names in the gate's report


def quantize(
    bundle: Bundle,
    out: Path,
    precision: str,
    branches: Sequence[str] | None = None,
    *,
    portraits: str = "demo",
    threads: int = 2,
) -> Iterator[str]:
    """Write ``bundle`` to ``out`` with ``branches`` (default: all that it is for) in ``precision``; a line
    for each of them. One at a time takes the place of its float32 graph, and stays if the whole passes the
    gate.

    ``portraits``: a video whose portraits calibrate the int8 image encoder. Raises UsageError for another
    precision or branch, BundleError without golden tensors, ModelError when no branch passed.
    """
    wanted = chosen(bundle, precision, branches)
    kind = cast(Reduced, precision)
    if bundle.manifest.golden is None:
        raise BundleError(
            f"{bundle.folder}: expected golden tensors to hold {precision} against, found none; "
            "add them with `undertone-export golden`."
        )
    with tempfile.TemporaryDirectory(prefix="quantize-") as work:
        folder = Path(work) / "bundle"
        shutil.copytree(bundle.folder, folder)
        now = structs.replace(bundle, folder=folder)
        kept: list[str] = []
        for name, part in wanted.items():
            cases = portrait_cases(bundle, portraits, threads) if (kind, name) == ("int8", STATIC) else []
            tried = structs.replace(now, manifest=with_precision(now.manifest, part.files, kind))
            for file in part.files:
                reduce(bundle.path(file), folder / file, kind, cases)
            report = bundle_parity.check(tried, threads=threads)
            if report.passed:
                now = tried
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
        found = copied(
            bundle, out, lambda fresh: _fill(fresh, now, kind, [f for n in kept for f in wanted[n].files])
        )
    size = sum(entry.size for entry in found.manifest.files.values())
    yield f"{found.folder}: {size / 1e6:.1f} MB, {', '.join(kept)} in {precision}"


def parts(bundle: Bundle, precision: Reduced) -> dict[str, Part]:
    """What can be reduced of a bundle, by name, in its order."""
    found = {name: Part((graph.file,), (name,)) for name, graph in named_graphs(bundle).items()}
    for name, files in _ring_files(bundle, precision).items():
        same = next((other for other, part in found.items() if part.files == files), None)
        if same is None:
            found[RING + name] = Part(files, (RING + name,))
        else:
            found[same] = Part(files, (same, RING + name))
    return {name: part for name, part in found.items() if name.removeprefix(RING) in FOR[precision]}


def _ring_files(bundle: Bundle, precision: Reduced) -> dict[str, tuple[str, ...]]:
    """What each branch of the ring mode, and its fusion, is made of."""
    mode = bundle.manifest.modes.get("ring")
    if mode is None:
        return {}
    graphs = {**mode.branches, "fusion": mode.fusion}
    found: dict[str, tuple[str, ...]] = {name: (graph.file,) for name, graph in graphs.items()}
    for name, steps in mode.steps.items():
        files = tuple(graph.file for graph in steps.graphs.values())
        # A readout has nothing to gain from int8: one product with one row.
        found[name] = files if precision == "int8" else files + found[name]
    return found


def chosen(bundle: Bundle, precision: str, branches: Sequence[str] | None) -> dict[str, Part]:
    """Parts to reduce. Raises UsageError."""
    if precision not in FOR:
        raise UsageError(f"--precision: expected fp16 or int8, found {precision!r}; choose one of these.")
    possible = parts(bundle, precision)
    for name in branches or ():
        if name not in possible:
            raise UsageError(
                f"--branch: expected some of {', '.join(possible)} for {precision}, found {name!r}; "
                "choose one of these."
            )
    wanted = {name: part for name, part in possible.items() if name in (branches or possible)}
    known = {graph.file: graph.precision for graph in graphs_of(bundle.manifest)}
    for name, part in wanted.items():
        done = [known[file] for file in part.files if known[file] != "fp32"]
        if done:
            raise UsageError(
                f"{bundle.folder}: expected {name} in float32, found {done[0]}; "
                "quantize the float32 bundle that it was made from."
            )
    return wanted


def reduce(path: Path, out: Path, precision: Reduced, cases: Sequence[dict[str, Floats]] = ()) -> None:
    """Write a graph in another precision; with ``cases`` int8 is static."""
    if precision == "fp16":
        onnx.save(baked.fp16(onnx.load(path)), out)
    elif cases:
        baked.int8_static(path, out, cases)
    else:
        baked.int8(path, out)


def with_precision(manifest: Manifest, files: Sequence[str], precision: Reduced) -> Manifest:
    """The manifest with every graph of these files marked."""

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
    """Portraits of a video, spread over it, as the image encoder reads them. Raises SourceError for none."""
    image, window = bundle.manifest.image, bundle.manifest.window
    assert image is not None
    front_end, grid, second = embedded.from_cache(threads), Grid(window.rate), round(window.rate)
    found = []
    with Capture(Source.parse(source), pace="fast") as capture:
        capture.open()
        for frame in capture.frames():
            tick = grid.claim(frame.pts, frame.discontinuity)
            if tick is None or tick % second != second // 2:
                continue  # golden portraits are of other moments
            front_end.reset()
            portrait = front_end.push(frame).portrait
            if portrait is not None:
                crop = crop_portrait(frame.image, portrait, image.size)
                found.append({image.encoder.inputs[0].name: normalised(crop, image)})
    if not found:
        raise SourceError(f"{source}: expected somebody in the video, found nobody; choose another.")
    return [found[i] for i in np.unique(np.linspace(0, len(found) - 1, PORTRAITS).astype(int))]


def figures(report: Report, part: Part) -> str:
    """How far a part is from its golden answers, at worst, in words."""

    def off(difference: Difference) -> tuple[bool, float]:
        return not difference.passed, difference.relative

    found = max((d for d in report.graphs if d.graph in part.judged), key=off)
    return f"relative {found.relative:.2g}, cosine {found.cosine:.5f}, confidence off by {report.drift:.2g}"


def refusal(bundle: Bundle, report: Report, part: Part, precision: Reduced) -> str:
    """Why a part stays float32, in one sentence."""
    allowed = tolerance_of(bundle, precision)
    return (
        f"expected at most relative {allowed.relative:g}, at least cosine {allowed.cosine:g} and a "
        f"confidence within {allowed.confidence:g} in {precision}, found {figures(report, part)}; "
        "it stays float32."
    )


def _fill(fresh: Path, reduced: Bundle, precision: Reduced, files: Sequence[str]) -> Manifest:
    for file in files:
        shutil.copyfile(reduced.path(file), fresh / file)
    manifest = reduced.manifest
    command = f"{manifest.provenance.command}; undertone-export quantize --precision {precision}"
    return structs.replace(
        manifest,
        name=f"{manifest.name}-{precision}",
        provenance=structs.replace(manifest.provenance, command=command),
    )
