"""``undertone doctor``: what this machine can do, established by trying it."""

import os
import platform
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from stream import __version__
from stream.bundle import model_cache
from stream.bundle.load import Bundle, demo_bundle
from stream.capture.decoding import landlock
from stream.cli.checks import packages, probe, speed
from stream.cli.checks.finding import Finding
from stream.errors import UndertoneError
from stream.inference import nvidia
from stream.inference.fingerprint import processor
from stream.publish.sockets import has_curve
from stream.verify import gate

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
_CUDA = "look at `gpu` and `cuda` here, or stay with --provider cpu"
_TENSORRT = "look at `gpu`, `cuda` and `tensorrt` here, or stay with --provider cpu or cuda"
# Checks that run in processes of their own, and what to do when one fails; None: its own advice.
LOOKS: dict[str, str | None] = {
    "provider cpu": "reinstall onnxruntime: pip install --force-reinstall onnxruntime-gpu",
    "gpu": None,
    "cuda": None,
    "provider cuda": _CUDA,
    "tensorrt": None,
    "provider tensorrt": _TENSORRT,
    "nvdec": "nothing: video is decoded in software in any case",
}
NEEDED = ("provider cpu",)
PROVIDERS = ("cpu", "cuda", "tensorrt")

Look = Callable[[str], probe.Look]


def run(folder: Path | None, *, as_json: bool) -> None:
    """Print the report; a part that fails is reported and the rest continues.

    Raises UndertoneError at the end when something that `undertone watch demo` needs does not work.
    """
    report = {"undertone": __version__, "machine": machine(), "packages": _packages()}
    found, measured = [], None
    if not as_json:
        for name, value in report.items():
            _print(name, value)
    for finding in examine(folder or demo_bundle()):
        found.append(finding)
        if not as_json:
            print(finding.line, flush=True)
    if not any(finding.needed and finding.state != "ok" for finding in found):
        measured, finding = _speed(folder or demo_bundle())
        found.append(finding)
        if not as_json:
            print(finding.line)
    if as_json:
        whole = {**report, "findings": found, "speed": measured}
        sys.stdout.write(msgspec.json.encode(whole).decode() + "\n")
    for finding in found:
        if finding.needed and finding.state != "ok":
            raise UndertoneError(f"{finding.what}: expected it to work, found {finding.found}; {finding.do}.")


def examine(folder: Path, look: Look = probe.look) -> Iterator[Finding]:
    """Everything but the speed."""
    yield from packages.duplicates()
    yield from packages.tensorrt_majors()
    yield from _model_sets()
    bundle, finding = _bundle(folder)
    yield finding
    working = set()
    with ThreadPoolExecutor(2) as pool:
        for name, seen in zip(LOOKS, pool.map(look, LOOKS), strict=True):
            if seen.works:
                working.add(name)
            yield looked(name, seen)
    for provider in PROVIDERS:
        proven = bundle is None or gate.is_reference(bundle, provider)
        if bundle is not None and not proven and f"provider {provider}" in working:
            yield _gate(bundle, provider)
    yield curve(has_curve())
    yield confinement(landlock.version())
    yield from packages.extras()


def looked(name: str, seen: probe.Look) -> Finding:
    """The finding for a check. A missing GPU is no defect; one that crashes is."""
    if seen.works:
        return Finding(state="ok", what=name, found=seen.found, needed=name in NEEDED)
    found, do = _parted(seen.found)
    other_major = name == "tensorrt" and "found no TensorRT" not in found
    broken = name in NEEDED or other_major or found.startswith(probe.FAULTS)
    return Finding(
        state="broken" if broken else "absent",
        what=name,
        found=found,
        do=LOOKS[name] or do or "reinstall the driver and its libraries, or stay with --provider cpu",
        needed=name in NEEDED,
    )


def curve(there: bool) -> Finding:
    """Whether libzmq can encrypt."""
    if there:
        return Finding(state="ok", what="ZeroMQ CURVE", found="in this libzmq")
    return Finding(
        state="absent", what="ZeroMQ CURVE", found="not in this libzmq", do="install pyzmq's own wheel"
    )


def confinement(version: int) -> Finding:
    """Whether the decoder process gives up the user's files."""
    if version:
        found = f"version {version}: the decoder opens its source and libraries alone"
        return Finding(state="ok", what="landlock", found=found)
    return Finding(
        state="absent",
        what="landlock",
        found="not in this kernel: the decoder can read what you can",
        do="use a kernel of 5.13 or later with landlock among its security modules",
    )


def machine() -> dict[str, object]:
    """Hardware and interpreter, as far as the operating system tells."""
    return {
        "cpu": processor(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
    }


def _packages() -> dict[str, str]:
    here = nvidia.packages()
    return {name: here[name] for name in PACKAGES if name in here}


def _model_sets() -> Iterator[Finding]:
    for entry in model_cache.listing():
        problems = model_cache.verify(entry.name)
        yield Finding(
            state="broken" if problems else "ok",
            what=f"models {entry.name}",
            found=problems[0].partition("; run")[0]
            if problems
            else f"{entry.folder}, hashes agree (sha256 {model_cache.SETS[entry.name].sha256[:12]})",
            do=f"run `undertone models pull {entry.name}`" if problems else None,
            needed=True,
        )


def _bundle(folder: Path) -> tuple[Bundle | None, Finding]:
    try:
        bundle = Bundle.load(folder)
    except UndertoneError as error:
        found, do = _parted(str(error))
        return None, Finding(state="broken", what="bundle", found=found, do=do, needed=True)
    manifest = bundle.manifest
    about = f"{manifest.name}, hashes agree (sha256 {bundle.sha256[:12]}); {manifest.provenance.note}"
    return bundle, Finding(state="ok", what="bundle", found=about, needed=True)


def _gate(bundle: Bundle, provider: str) -> Finding:
    what, where = f"gate {provider}", gate.report_path(bundle, provider)
    prove = {"tensorrt": f"engines {bundle.folder}"}.get(
        provider, f"check {bundle.folder} --provider {provider}"
    )
    report = gate.read(bundle, provider)
    if report is None:
        return Finding(
            state="absent",
            what=what,
            found="not proven on this machine",
            do=f"run `undertone-export {prove}`",
        )
    if report.passed:
        return Finding(state="ok", what=what, found=f"passed, see {where}")
    other = "a float32 bundle" if provider == "cpu" else "--provider cpu"
    return Finding(state="broken", what=what, found=f"failed, see {where}", do=f"use {other}")


def _speed(folder: Path) -> tuple[speed.Speed | None, Finding]:
    try:
        measured = speed.measure(Bundle.load(folder))
    except UndertoneError as error:
        found, do = _parted(str(error))
        return None, Finding(state="broken", what="speed", found=found, do=do, needed=True)
    advice = f"--mode {measured.mode} --hop {measured.hop}: {measured.why}"
    return measured, Finding(state="ok", what="speed", found=advice)


def _parted(sentence: str) -> tuple[str, str]:
    """An error's sentence in two parts: expected and found, and what to do."""
    before, _, do = sentence.rstrip(".").rpartition("; ")
    found = before or do
    return found[max(found.find("expected "), 0) :], do if before else ""


def _print(name: str, value: object) -> None:
    if isinstance(value, dict):
        print(f"{name}:")
        for key, item in value.items():
            print(f"  {key}: {item}")
    else:
        print(f"{name}: {value}")
