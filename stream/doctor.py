"""``undertone doctor``: what this machine can do, found out by doing it."""

import os
import platform
import sys
import time
from importlib.metadata import distributions, version
from pathlib import Path

import msgspec
import numpy as np

from stream import __version__, contract, models
from stream.capture.capture import Capture
from stream.capture.source import Source
from stream.engine import PROVIDERS, Engine
from stream.errors import UndertoneError
from stream.frontend import FrontEnd
from stream.live import live_hop
from stream.temporal.full import FullMode

PACKAGES = (
    "numpy",
    "av",
    "opencv-python",
    "onnxruntime-gpu",
    "ai-edge-litert",
    "pyzmq",
    "msgspec",
    "tokenizers",
)
# Distributions that install over each other's files: more than one of a row breaks the other in silence.
RIVALS = (
    ("opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless"),
    ("onnxruntime", "onnxruntime-gpu"),
    ("tensorrt", "tensorrt-cu12", "tensorrt-cu13"),
)
PROBE_S = 5.0


def run(folder: Path | None, *, as_json: bool) -> None:
    """Print the report; a part that fails says so and the rest goes on. Raises UndertoneError at the end if
    something that `undertone watch demo` needs is missing."""
    report: dict[str, object] = {
        "undertone": __version__,
        "machine": machine(),
        "packages": _packages(),
        "duplicates": duplicates(),
        "models": {entry.name: models.verify(entry.name) or "verified" for entry in models.listing()},
    }
    missing: list[str] = []
    try:
        bundle = contract.load(folder or contract.demo_bundle())
        report["bundle"] = {"name": bundle.manifest.name, "note": bundle.manifest.provenance.note}
        report["providers"] = _providers(bundle)
        report["probe"] = _probe(bundle)
    except UndertoneError as error:
        missing.append(str(error))
        report["missing"] = missing
    if as_json:
        sys.stdout.write(msgspec.json.encode(report).decode() + "\n")
    else:
        for name, value in report.items():
            _print(name, value)
    if missing:
        raise UndertoneError(missing[0])


def machine() -> dict[str, object]:
    """Hardware and interpreter, as far as the operating system tells."""
    model = platform.processor() or platform.machine()
    if (info := Path("/proc/cpuinfo")).is_file():
        names = [
            line.partition(":")[2].strip() for line in info.read_text().splitlines() if "model name" in line
        ]
        model = names[0] if names else model
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
    }


def duplicates() -> list[str]:
    """Groups of installed distributions that overwrite each other, e.g. two builds of OpenCV."""
    installed = {str(d.metadata["Name"]).lower() for d in distributions() if d.metadata["Name"]}
    return [
        " and ".join(found) for row in RIVALS if len(found := [name for name in row if name in installed]) > 1
    ]


def _packages() -> dict[str, str]:
    installed = {str(d.metadata["Name"]).lower() for d in distributions() if d.metadata["Name"]}
    return {name: version(name) for name in PACKAGES if name in installed}


def _providers(bundle: contract.Bundle) -> dict[str, str]:
    graph = bundle.manifest.modes["full"].fusion
    found = {}
    for provider in PROVIDERS:
        try:
            Engine(bundle.path(graph.file), graph, provider=provider).warm_up()
            found[provider] = "loads"
        except UndertoneError as error:
            found[provider] = str(error)
    return found


def _probe(bundle: contract.Bundle) -> dict[str, object]:
    """Front end on the demo clip for a few seconds, then one full update: what pace and hop would hold."""
    front_end = FrontEnd.from_cache()
    took: list[float] = []
    deadline = time.monotonic() + PROBE_S
    with Capture(Source.parse("demo"), pace="fast") as capture:
        capture.open()
        while time.monotonic() < deadline and not capture.ended:
            frame = capture.next(0.5)
            if frame is None:
                continue
            started = time.perf_counter()
            front_end.push(frame)
            took.append((time.perf_counter() - started) * 1e3)
    temporal = FullMode(bundle)
    temporal.warm_up()
    started = time.perf_counter()
    temporal.warm_up()
    update_s = time.perf_counter() - started
    rate = bundle.manifest.window.rate
    return {
        "frames": len(took),
        "front_end_ms": {
            "p50": round(float(np.median(took)), 1),
            "p99": round(float(np.quantile(took, 0.99)), 1),
        },
        "full_update_ms": round(update_s * 1e3, 1),
        "mode": "full",
        "hop": live_hop(bundle.manifest.modes["full"].hop, update_s, rate),
        "keeps_up_at_25_fps": bool(np.median(took) < 1e3 / rate),
    }


def _print(name: str, value: object) -> None:
    if isinstance(value, dict):
        print(f"{name}:")
        for key, item in value.items():
            print(f"  {key}: {item}")
    else:
        print(f"{name}: {value if value else 'none'}")
