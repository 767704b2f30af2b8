"""What do float16 and int8 cost and gain on this CPU, graph by graph and in each mode's final confidence?

python benchmarks/precision.py [--people 100] [--blocks 7]

Speed: the precisions of a graph in alternating blocks of one run, CPU time on one thread. Drift: made-up
people nobody trained on, portraits and all, through the whole chain. Accuracy: the same people's, against
float32, with an interval over people. ONNX Runtime computes float16 in float32 on a CPU: its speed and drift
here are those of rounded weights and of casts, not those of a GPU.
"""

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import record
from msgspec import structs

from export.bundles.quantize import STATIC, parts, portrait_cases, reduce, with_precision
from stream.branches import modes
from stream.branches.image import ImageEncoder
from stream.branches.modes import Temporal
from stream.bundle.load import Bundle, demo_bundle
from stream.bundle.manifest import Graph, graphs_of
from stream.inference.engine import Engine
from stream.verify import bundle_parity, golden
from stream.verify.answers import compute_answers
from stream.verify.bundle_parity import RING, named_graphs
from stream.verify.golden import Answers, Inputs
from training.delivery.golden import clip_of
from training.simulator.behaviour import PROFILES
from training.simulator.portraits import performance_of, with_portraits
from training.simulator.recordings import simulate

PRECISIONS = ("fp16", "int8")
SEED = 7_000_000  # apart from every seed that trains, calibrates or holds out
SECONDS, WATCHED = 20.0, (4.0, 8.0, 20.0)


def variant(bundle: Bundle, precision: str, folder: Path) -> Bundle:
    """All graphs that the precision is for, whether they would pass the gate or not."""
    found = structs.replace(bundle, folder=folder)
    folder.mkdir()
    for name in bundle.manifest.files:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(bundle.path(name).read_bytes())
    for name, part in parts(bundle, precision).items():
        cases = portrait_cases(bundle, "demo", 1) if (precision, name) == ("int8", STATIC) else []
        for file in part.files:
            reduce(bundle.path(file), folder / file, precision, cases)
        found = structs.replace(found, manifest=with_precision(found.manifest, part.files, precision))
    return found


def timed(bundle: Bundle) -> dict[str, Graph]:
    """The graphs of full mode and, of a ring, the step of the manifest's hop."""
    ring = bundle.manifest.modes.get("ring")
    steps = {RING + name: s.graphs[ring.hop] for name, s in ring.steps.items()} if ring else {}
    return named_graphs(bundle) | steps


def speed(bundles: dict[str, Bundle], blocks: int) -> dict[str, dict[str, Any]]:
    """CPU milliseconds of each graph and precision, and their ratio to float32 block by block."""
    found: dict[str, dict[str, Any]] = {}
    for name in timed(bundles["fp32"]):
        graphs = {precision: timed(bundle)[name] for precision, bundle in bundles.items()}
        engines = {
            precision: Engine(bundles[precision].path(graph.file), graph)
            for precision, graph in graphs.items()
            if graph.precision == precision
        }
        repeats = 2 if name == "keypoints" else 20
        took: dict[str, list[float]] = {precision: [] for precision in engines}
        for engine in engines.values():
            engine.warm_up()
        for _ in range(blocks):
            for precision, engine in engines.items():
                began = time.thread_time()
                for _ in range(repeats):
                    engine.warm_up()
                took[precision].append((time.thread_time() - began) * 1e3 / repeats)
        found[name] = {
            precision: {
                "ms": round(float(np.median(ms)), 3),
                "ratio": round(float(np.median(np.array(ms) / np.array(took["fp32"]))), 3),
            }
            for precision, ms in took.items()
        }
    return found


def person(bundle: Bundle, n: int) -> tuple[Inputs, int]:
    """A made-up person's clip with a portrait for every slot, and the label."""
    profile, label, window = PROFILES["demo"], n % 2, bundle.manifest.window
    recording = simulate(profile, label, SECONDS, SEED + n)
    crops: list[np.ndarray] = []

    def keep(images: np.ndarray) -> np.ndarray:
        crops.append(images)
        return np.zeros((len(images), bundle.manifest.image.dim), np.float32)

    shown = with_portraits(
        recording, performance_of(profile, recording, SECONDS, SEED + n), window, SEED + n, keep
    )
    clip = clip_of(shown, window, None)
    moments = np.array([round(s * window.rate) - 1 for s in WATCHED])
    mask = shown.feature_mask
    return replace(clip, feature_mask=mask, portraits=crops[0], moments=moments), label


def said(bundle: Bundle, temporal: Temporal, encode: ImageEncoder, clip: Inputs) -> Answers:
    """What a bundle says of a clip, image features by its own encoder."""
    features = np.zeros((len(clip.feature_mask), bundle.manifest.image.dim), np.float32)
    seen = np.array([encode(portrait) for portrait in clip.portraits])
    features[clip.feature_mask] = seen
    few = replace(clip, features=features, portraits=clip.portraits[:0])
    return replace(compute_answers(bundle, temporal, None, few), features=seen)


def drift(bundles: dict[str, Bundle], mode: modes.Name, people: int) -> dict[str, Any]:
    """Of one mode against float32: per branch, in the confidence, in accuracy."""
    chains = {
        precision: (
            bundle,
            modes.load(bundle, mode, provider="cpu", threads=1),
            ImageEncoder(bundle, bundle.manifest.image),
        )
        for precision, bundle in bundles.items()
    }
    answers: dict[str, list[Answers]] = {precision: [] for precision in bundles}
    labels = []
    for n in range(people):
        clip, label = person(bundles["fp32"], n)
        clip = golden.rounded(clip)
        labels.append(label)
        for precision, chain in chains.items():
            answers[precision].append(said(*chain, clip))
    right = {p: correct(found, labels) for p, found in answers.items()}
    result: dict[str, Any] = {"accuracy_fp32": round(float(right["fp32"].mean()), 4)}
    for precision in PRECISIONS:
        pairs = list(zip(answers["fp32"], answers[precision], strict=True))
        off = np.array([np.abs(a.wins[:, 0] - b.wins[:, 0]) for a, b in pairs])
        lost = right[precision] - right["fp32"]  # [people, moments]
        rng = np.random.default_rng(0)
        drawn = [lost[rng.integers(0, people, people)].mean() for _ in range(2000)]
        result[precision] = {
            "branches": {
                name: differences([(a.vectors[name], b.vectors[name]) for a, b in pairs])
                for name in ("keypoints", "image")
            }
            | {STATIC: differences([(a.features, b.features) for a, b in pairs])},
            "confidence": {"mean": float(off.mean()), "max": float(off.max())},
            "accuracy_change": {
                "value": round(float(lost.mean()), 4),
                "low": round(float(np.quantile(drawn, 0.025)), 4),
                "high": round(float(np.quantile(drawn, 0.975)), 4),
            },
        }
    return result


def correct(answers: list[Answers], labels: list[int]) -> np.ndarray:
    """float [people, moments]: 1 where the confidence is on the label's side."""
    wins = np.array([a.wins[:, 0] for a in answers])
    return ((wins >= 0.5) == np.array(labels, np.bool_)[:, None]).astype(float)


def differences(pairs: list[tuple[np.ndarray, np.ndarray]]) -> dict[str, float]:
    rows = [(a.astype(float), b.astype(float)) for x, y in pairs for a, b in zip(x, y, strict=True)]
    norms = [np.linalg.norm(a) for a, _ in rows]
    return {
        "absolute": float(max(np.abs(a - b).max() for a, b in rows)),
        "relative": float(max(np.linalg.norm(a - b) / n for (a, b), n in zip(rows, norms, strict=True))),
        "cosine": float(min(a @ b / (n * np.linalg.norm(b)) for (a, b), n in zip(rows, norms, strict=True))),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--people", type=int, default=100)
    parser.add_argument("--blocks", type=int, default=7)
    options = parser.parse_args()
    bundle = Bundle.load(demo_bundle())
    with tempfile.TemporaryDirectory() as work:
        bundles = {"fp32": bundle} | {p: variant(bundle, p, Path(work) / p) for p in PRECISIONS}
        gates = {p: bundle_parity.check(bundles[p], threads=1) for p in PRECISIONS}
        figures = {
            "bundle": bundle.manifest.name,
            "people": options.people,
            "watched_s": WATCHED,
            "megabytes": {
                p: round(sum(b.path(g.file).stat().st_size for g in graphs_of(b.manifest)) / 1e6, 2)
                for p, b in bundles.items()
            },
            "gate": {
                p: {"passed": r.passed, "confidence": r.drift, "seconds": r.seconds} for p, r in gates.items()
            },
            "speed": speed(bundles, options.blocks),
            "drift": {mode: drift(bundles, mode, options.people) for mode in bundle.manifest.modes},
        }
    record.write("precision", figures, also=("onnx", "torch"))


if __name__ == "__main__":
    main()
