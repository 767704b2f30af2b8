"""Compares a bundle's outputs on a provider with its golden outputs: float32, from the machine that exported
it."""

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal

import numpy as np

from stream.branches.full_mode import FullMode
from stream.branches.image import ImageEncoder
from stream.branches.modes import Temporal
from stream.branches.ring_mode import RingMode
from stream.bundle.load import Bundle
from stream.bundle.manifest import Graph, Precision, Record, Tolerance
from stream.errors import BundleError
from stream.inference.engine import provider_name
from stream.inference.fingerprint import about_machine, fingerprint
from stream.records import Floats
from stream.verify import golden
from stream.verify.answers import compute_answers, fused
from stream.verify.golden import Answers, GoldenClip

SCHEMA = 1
RING = "ring-"  # before the names of its branches and fusion
NO_NUMBER = 1e9  # stands for a difference that is not finite; JSON has no infinity
USUAL: dict[Precision, Tolerance] = {
    "fp32": Tolerance(relative=1e-3, cosine=0.99999, confidence=0.005),
    "fp16": Tolerance(relative=0.02, cosine=0.9999, confidence=0.01),
    "int8": Tolerance(relative=0.1, cosine=0.995, confidence=0.02),
}


class Difference(Record, frozen=True, kw_only=True):
    """Largest differences between one graph's outputs and its golden outputs."""

    graph: str  # a branch, fusion or image_encoder
    precision: Precision
    cases: int
    absolute: float  # largest |found − expected|
    relative: float  # largest ‖found − expected‖ / ‖expected‖
    cosine: float  # smallest
    passed: bool


# One field for each of the report file.
class Report(Record, frozen=True, kw_only=True):
    """Result of the gate for one bundle or front-end model, provider and machine."""

    schema: int = SCHEMA
    bundle: str  # name of the bundle or model
    sha256: str  # of the manifest or card
    provider: str
    machine: str  # fingerprint
    about: dict[str, str]  # description of the machine
    created: str  # ISO time
    seconds: float  # duration of the check
    graphs: tuple[Difference, ...]
    estimates: int  # compared moments of the clips, without and with text; or points, box sides of a model
    unit: Literal["confidence", "pixels"] = "confidence"
    drift: float  # largest |found − expected| over the estimates
    allowed: float  # largest drift that passes
    passed: bool

    @property
    def worst(self) -> str:
        """What failed, in words, for a report that did not pass."""
        failed = [
            f"{d.graph} (relative {d.relative:.2g}, cosine {d.cosine:.5f})"
            for d in self.graphs
            if not d.passed
        ]
        if self.drift > self.allowed:
            failed.append(
                f"places off by {self.drift:.2g} pixels"
                if self.unit == "pixels"
                else f"a confidence off by {self.drift:.2g}"
            )
        return ", ".join(failed)


def named_graphs(bundle: Bundle) -> dict[str, Graph]:
    """All graphs of a bundle's full mode, if it has one, and the image encoder, by name."""
    manifest = bundle.manifest
    mode = manifest.modes.get("full")
    graphs = {**mode.branches, "fusion": mode.fusion} if mode else {}
    return graphs | ({"image_encoder": manifest.image.encoder} if manifest.image else {})


def ring_graphs(bundle: Bundle) -> dict[str, Graph]:
    """The graphs that set the tolerances of a bundle's ring mode, if it has one: per branch, the least
    exact."""
    mode = bundle.manifest.modes.get("ring")
    if mode is None:
        return {}

    def least_exact(name: str, graph: Graph) -> Graph:
        graphs = [graph, *(mode.steps[name].graphs.values() if name in mode.steps else ())]
        result: Graph = max(graphs, key=lambda g: USUAL[g.precision].relative)
        return result

    branches = {RING + name: least_exact(name, graph) for name, graph in mode.branches.items()}
    return {**branches, f"{RING}fusion": mode.fusion}


def tolerance_of(bundle: Bundle, precision: Precision) -> Tolerance:
    """The tolerance in the manifest, or else the default for the precision."""
    return bundle.manifest.tolerances.get(precision, USUAL[precision])


def check(bundle: Bundle, provider: str = "cpu", *, threads: int = 2) -> Report:
    """Run all graphs on ``provider`` and compare. Raises BundleError for a bundle without golden tensors,
    ProviderError when the provider does not load."""
    began = time.monotonic()
    provider_name(provider)
    clips = golden.load(bundle)
    if not clips:
        raise BundleError(
            f"{bundle.folder}: expected golden tensors to prove {provider} with, found none; add them with "
            "`undertone-export golden` where the bundle was made."
        )
    image, modes = bundle.manifest.image, bundle.manifest.modes
    encode = ImageEncoder(bundle, image, provider=provider, threads=threads) if image else None
    graphs: tuple[Difference, ...] = ()
    drift, estimates = 0.0, 0
    for name, own in (("full", named_graphs(bundle)), ("ring", ring_graphs(bundle))):
        if name not in modes:
            continue
        references = _references(bundle, clips, name, provider)
        temporal = (RingMode if name == "ring" else FullMode)(bundle, provider=provider, threads=threads)
        if len(modes) == 1:
            own = named_graphs(bundle) | own  # the image encoder runs once, with the first mode
        more, off = _compared(bundle, temporal, None if graphs else encode, own, references)
        graphs, drift = graphs + more, max(drift, off)
        estimates += sum(int(np.isfinite(answers.wins).sum()) for _, answers in references)
    every = named_graphs(bundle) | ring_graphs(bundle)
    # The error of a reduced branch is judged by its effect on the final confidence.
    allowed = max(tolerance_of(bundle, graph.precision).confidence for graph in every.values())
    about = about_machine()
    return Report(
        bundle=bundle.manifest.name,
        sha256=bundle.sha256,
        provider=provider,
        machine=fingerprint(about),
        about=about,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=round(time.monotonic() - began, 2),
        graphs=graphs,
        estimates=estimates,
        drift=drift,
        allowed=allowed,
        passed=all(d.passed for d in graphs) and drift <= allowed,
    )


def _references(
    bundle: Bundle, clips: Sequence[GoldenClip], mode: str, provider: str
) -> list[tuple[GoldenClip, Answers]]:
    """The golden outputs of a mode. Raises BundleError when a clip has none."""
    answers = ((clip, clip.ring if mode == "ring" else clip.answers) for clip in clips)
    references = [(clip, one) for clip, one in answers if one is not None]
    if len(references) < len(clips):
        raise BundleError(
            f"{bundle.folder}: expected golden tensors of its ring mode to prove {provider} with, found "
            "some of full mode only; write them again with `undertone-export golden`."
        )
    return references


def _compared(
    bundle: Bundle,
    temporal: Temporal,
    encode: ImageEncoder | None,
    graphs: Mapping[str, Graph],
    clips: Sequence[tuple[GoldenClip, Answers]],
) -> tuple[tuple[Difference, ...], float]:
    """Differences of a mode's graphs, by name, from their golden outputs, and the largest difference in
    confidence."""
    expected = [answers for _, answers in clips]
    found = [compute_answers(bundle, temporal, encode, clip.inputs) for clip, _ in clips]
    # The fusion on its own, fed with the golden vectors.
    alone = [fused(temporal, answers.vectors, len(answers.logits)) for answers in expected]
    differences = tuple(
        difference(
            name,
            graph.precision,
            tolerance_of(bundle, graph.precision),
            *_pairs(name.removeprefix(RING), expected, found, alone),
        )
        for name, graph in graphs.items()
    )
    return differences, max(_largest(e.wins, f.wins) for e, f in zip(expected, found, strict=True))


def _pairs(
    name: str, clips: list[Answers], found: list[Answers], alone: list[Floats]
) -> tuple[list[Floats], list[Floats]]:
    """Expected and found output vectors of a graph. For the fusion, the logits of a clip are one vector."""
    expected, got = [], []
    for reference, answers, logits in zip(clips, found, alone, strict=True):
        rows: tuple[Floats, Floats] = {
            "fusion": (reference.logits.reshape(1, -1), logits.reshape(1, -1)),
            "image_encoder": (reference.features, answers.features),
        }.get(name, (reference.vectors.get(name, _NONE), answers.vectors.get(name, _NONE)))
        expected += list(rows[0])
        got += list(rows[1])
    return expected, got


_NONE: Floats = np.zeros((0, 0), np.float32)


def difference(
    name: str,
    precision: Precision,
    allowed: Tolerance,
    expected: Sequence[Floats],
    found: Sequence[Floats],
) -> Difference:
    """Differences between outputs and golden outputs, one array each; where NaN is expected, nothing is
    compared."""
    absolute, relative, cosine, cases = 0.0, 0.0, 1.0, 0
    for want, have in zip(expected, found, strict=True):
        there = np.isfinite(want)
        if not there.any():
            continue
        a, b = want[there].astype(np.float64), have[there].astype(np.float64)
        if not np.isfinite(b).all():
            absolute, relative, cosine = NO_NUMBER, NO_NUMBER, -1.0
            cases += 1
            continue
        length = max(float(np.linalg.norm(a)), 1e-6)
        absolute = max(absolute, float(np.abs(a - b).max()))
        relative = max(relative, float(np.linalg.norm(a - b)) / length)
        cosine = min(cosine, float(a @ b) / max(length * float(np.linalg.norm(b)), 1e-12))
        cases += 1
    return Difference(
        graph=name,
        precision=precision,
        cases=cases,
        absolute=absolute,
        relative=relative,
        cosine=cosine,
        passed=cases > 0 and relative <= allowed.relative and cosine >= allowed.cosine,
    )


def _largest(expected: Floats, found: Floats) -> float:
    there = np.isfinite(expected)
    if not there.any() or not np.isfinite(found[there]).all():
        return 1.0
    return float(np.abs(expected[there] - found[there]).max())
