"""``undertone-export quantize``: a bundle whose branches have a lower precision, if the gate lets them."""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, cast

import numpy as np
import onnx
from msgspec import structs

from export import precision as baked
from export.bundle import copied
from stream import parity
from stream.capture.capture import Capture
from stream.capture.source import Source
from stream.contract import Bundle, Graph, Manifest
from stream.errors import BundleError, ModelError, SourceError, UsageError
from stream.features import crop_portrait, normalised
from stream.frontend import FrontEnd
from stream.parity import Report, named_graphs, tolerance_of
from stream.records import Floats
from stream.window import Grid

Reduced = Literal["fp16", "int8"]
STATIC = "image_encoder"  # sees pictures, of which a few stand for all
FOR: dict[Reduced, tuple[str, ...]] = {
    "fp16": ("keypoints", "image", "text", "fusion", STATIC),
    "int8": ("keypoints", "image", "text", STATIC),  # the fusion is too small to gain
}
PORTRAITS = 24  # for calibration


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
        for name in wanted:
            cases = portrait_cases(bundle, portraits, threads) if (kind, name) == ("int8", STATIC) else []
            tried = structs.replace(now, manifest=with_precision(now.manifest, name, kind))
            path = folder / named_graphs(now)[name].file
            before = path.with_suffix(".before")
            path.rename(before)
            reduce(before, path, kind, cases)
            report = parity.check(tried, threads=threads)
            if report.passed:
                now = tried
                kept.append(name)
                yield f"{name}: {precision}, {figures(report, name)}"
            else:
                before.replace(path)
                yield refusal(bundle, report, name, kind)
            before.unlink(missing_ok=True)
        if not kept:
            raise ModelError(
                f"{bundle.folder}: expected at least one branch that passes the gate in {precision}, found "
                "none; keep the float32 bundle."
            )
        found = copied(bundle, out, lambda fresh: _fill(fresh, now, kind, kept))
    size = sum(entry.size for entry in found.manifest.files.values())
    yield f"{found.folder}: {size / 1e6:.1f} MB, {', '.join(kept)} in {precision}"


def chosen(bundle: Bundle, precision: str, branches: Sequence[str] | None) -> list[str]:
    """Graphs to reduce, in the bundle's order. Raises UsageError."""
    if precision not in FOR:
        raise UsageError(f"--precision: expected fp16 or int8, found {precision!r}; choose one of these.")
    graphs = named_graphs(bundle)
    possible = [name for name in graphs if name in FOR[precision]]
    for name in branches or ():
        if name not in possible:
            raise UsageError(
                f"--branch: expected some of {', '.join(possible)} for {precision}, found {name!r}; "
                "choose one of these."
            )
    wanted = [name for name in possible if name in (branches or possible)]
    done = [name for name in wanted if graphs[name].precision != "fp32"]
    if done:
        raise UsageError(
            f"{bundle.folder}: expected {done[0]} in float32, found {graphs[done[0]].precision}; "
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


def with_precision(manifest: Manifest, name: str, precision: Reduced) -> Manifest:
    """The manifest with one graph marked."""

    def marked(graph: Graph) -> Graph:
        return structs.replace(graph, precision=precision)

    mode = manifest.modes["full"]
    if name == STATIC and manifest.image is not None:
        return structs.replace(
            manifest, image=structs.replace(manifest.image, encoder=marked(manifest.image.encoder))
        )
    if name == "fusion":
        mode = structs.replace(mode, fusion=marked(mode.fusion))
    else:
        mode = structs.replace(mode, branches={**mode.branches, name: marked(mode.branches[name])})
    return structs.replace(manifest, modes={**manifest.modes, "full": mode})


def portrait_cases(bundle: Bundle, source: str, threads: int) -> list[dict[str, Floats]]:
    """Portraits of a video, spread over it, as the image encoder reads them. Raises SourceError for none."""
    image, window = bundle.manifest.image, bundle.manifest.window
    assert image is not None
    front_end, grid, second = FrontEnd.from_cache(threads), Grid(window.rate), round(window.rate)
    found = []
    with Capture(Source.parse(source), pace="fast") as capture:
        capture.open()
        while not capture.ended:
            frame = capture.next(0.5)
            tick = None if frame is None else grid.claim(frame.pts, frame.discontinuity)
            if frame is None or tick is None or tick % second != second // 2:
                continue  # golden portraits are of other moments
            front_end.reset()
            portrait, _ = front_end.push(frame)
            if portrait is not None:
                crop = crop_portrait(frame.image, portrait, image.size)
                found.append({image.encoder.inputs[0].name: normalised(crop, image)})
    if not found:
        raise SourceError(f"{source}: expected somebody in the video, found nobody; choose another.")
    return [found[i] for i in np.unique(np.linspace(0, len(found) - 1, PORTRAITS).astype(int))]


def figures(report: Report, name: str) -> str:
    """How far a graph is from its golden answers, in words."""
    found = next(d for d in report.graphs if d.graph == name)
    return f"relative {found.relative:.2g}, cosine {found.cosine:.5f}, confidence off by {report.drift:.2g}"


def refusal(bundle: Bundle, report: Report, name: str, precision: Reduced) -> str:
    """Why a branch stays float32, in one sentence."""
    allowed = tolerance_of(bundle, precision)
    return (
        f"{name}: expected at most relative {allowed.relative:g}, at least cosine {allowed.cosine:g} and a "
        f"confidence within {allowed.confidence:g} in {precision}, found {figures(report, name)}; "
        "it stays float32."
    )


def _fill(fresh: Path, reduced: Bundle, precision: Reduced, kept: Sequence[str]) -> Manifest:
    for name in kept:
        file = named_graphs(reduced)[name].file
        shutil.copyfile(reduced.path(file), fresh / file)
    manifest = reduced.manifest
    command = f"{manifest.provenance.command}; undertone-export quantize --precision {precision}"
    return structs.replace(
        manifest,
        name=f"{manifest.name}-{precision}",
        provenance=structs.replace(manifest.provenance, command=command),
    )
