"""The parity gate: no provider and no reduced precision is used before it gave the golden answers here.

Engines can be wrong in silence: for one vision Transformer a cosine of 0.02 has been reported. So what a
bundle's networks said in float32 where it was made is compared with what they say on this machine. The report
lies in the user's cache, by bundle, provider and machine; `watch` reads it, or makes it, before it starts.

The CPU in float32 is the reference and needs no report.
"""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import msgspec

from stream import parity
from stream.contract import Bundle
from stream.engine import Engine
from stream.errors import ProviderError
from stream.machine import about_machine, fingerprint
from stream.models import cache_dir
from stream.parity import SCHEMA, named_graphs
from stream.parity import Report as Report


def is_reference(bundle: Bundle, provider: str) -> bool:
    """Whether nothing has to be proven."""
    return provider == "cpu" and all(graph.precision == "fp32" for graph in named_graphs(bundle).values())


def report_path(bundle: Bundle, provider: str) -> Path:
    """Where this machine's report on a bundle and provider lies, or will."""
    machine = fingerprint(about_machine())
    return cache_dir() / "gate" / f"{bundle.sha256[:16]}-{provider}-{machine[:12]}.json"


def prove(bundle: Bundle, provider: str, *, threads: int = 2) -> tuple[Report, Path]:
    """Run the gate and keep its report, as JSON and, beside it, in words."""
    report = parity.check(bundle, provider, threads=threads)
    path = report_path(bundle, provider)
    path.parent.mkdir(parents=True, exist_ok=True)
    _replace(path, msgspec.json.format(msgspec.json.encode(report), indent=2))
    _replace(path.with_suffix(".md"), markdown(report).encode())
    return report, path


def read(bundle: Bundle, provider: str) -> Report | None:
    """This machine's report, if there is one that is about this very bundle and reads."""
    try:
        report = msgspec.json.decode(report_path(bundle, provider).read_bytes(), type=Report)
    except (OSError, msgspec.MsgspecError):
        return None
    same = (report.schema, report.sha256, report.provider) == (SCHEMA, bundle.sha256, provider)
    return report if same else None


def require(bundle: Bundle, provider: str, say: Callable[[str], None], *, threads: int = 2) -> None:
    """Let a bundle and provider pass that gave the golden answers on this machine.

    Without a report the gate runs now, which ``say`` is told. Raises ProviderError for one that failed,
    BundleError where there is nothing to prove it with.
    """
    if is_reference(bundle, provider):
        return
    report, path = read(bundle, provider), report_path(bundle, provider)
    if report is None:
        fusion = bundle.manifest.modes["full"].fusion
        Engine(bundle.path(fusion.file), fusion, provider=provider)  # what does not load proves nothing
        say(f"{bundle.manifest.name} is not yet proven on {provider} here: comparing with its golden answers")
        report, path = prove(bundle, provider, threads=threads)
        say(f"{'passed' if report.passed else 'failed'} in {report.seconds:.0f} s, see {path}")
    if not report.passed:
        raise ProviderError(refusal(report, path))


def refusal(report: Report, path: Path) -> str:
    """Why a provider is not used, in one sentence."""
    return (
        f"provider {report.provider}: expected the golden answers of bundle {report.bundle}, found others "
        f"from {report.worst}; use --provider cpu with a float32 bundle, the report is {path}."
    )


def markdown(report: Report) -> str:
    """The report for people."""
    verdict = "passed" if report.passed else "**failed**"
    lines = [
        f"# {report.bundle} on {report.provider}: {verdict}",
        "",
        f"Bundle `{report.sha256}`, {report.created}, {report.seconds:g} s.",
        *(f"{name}: {value}." for name, value in report.about.items()),
        "",
        "| graph | precision | cases | max abs | relative | cosine | |",
        "|---|---|---|---|---|---|---|",
        *(
            f"| {d.graph} | {d.precision} | {d.cases} | {d.absolute:.2e} | {d.relative:.2e} | {d.cosine:.6f} "
            f"| {'passed' if d.passed else '**failed**'} |"
            for d in report.graphs
        ),
        "",
        f"Final confidence over whole clips: off by {report.drift:.2e} at most in {report.estimates} "
        f"estimates ({report.allowed:g} allowed).",
    ]
    return "\n".join(lines) + "\n"


def _replace(path: Path, raw: bytes) -> None:
    handle, part = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    with os.fdopen(handle, "wb") as out:
        out.write(raw)
    os.replace(part, path)
