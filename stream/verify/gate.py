"""The parity gate: a provider or reduced precision must first reproduce the golden outputs on this machine.

An engine can be wrong without raising an error: for one vision Transformer a cosine of 0.02 has been
reported. So the outputs on this machine are compared with the float32 outputs stored in the bundle or beside
the front-end model. The report is kept in the user's cache, by bundle or model, provider and machine; before
it starts, `watch` reads the report, or runs the gate if there is none.

The CPU in float32 is the reference and needs no report.
"""

from collections.abc import Callable
from pathlib import Path

import msgspec

from stream.bundle.load import Bundle
from stream.bundle.manifest import graphs_of
from stream.bundle.model_cache import cache_dir
from stream.errors import ProviderError
from stream.files import replace_with
from stream.inference.engine import Engine
from stream.inference.fingerprint import about_machine, fingerprint
from stream.verify import bundle_parity, model_parity
from stream.verify.bundle_parity import SCHEMA
from stream.verify.bundle_parity import Report as Report
from stream.verify.model_parity import Model

Subject = Bundle | Model


def is_reference(subject: Subject, provider: str) -> bool:
    """Whether this is the reference itself, which needs no check."""
    if isinstance(subject, Model):
        return provider == "cpu" and subject.card.precision == "fp32"
    return provider == "cpu" and all(graph.precision == "fp32" for graph in graphs_of(subject.manifest))


def report_path(subject: Subject, provider: str) -> Path:
    """Path of this machine's report for a bundle or model and a provider, whether or not it exists yet."""
    machine = fingerprint(about_machine())
    return cache_dir() / "gate" / f"{subject.sha256[:16]}-{provider}-{machine[:12]}.json"


def prove(subject: Subject, provider: str, *, threads: int = 2) -> tuple[Report, Path]:
    """Run the gate and save its report as JSON and, beside it, as Markdown."""
    if isinstance(subject, Model):
        report = model_parity.check(subject, provider, threads=threads)
    else:
        report = bundle_parity.check(subject, provider, threads=threads)
    path = report_path(subject, provider)
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_with(path, msgspec.json.format(msgspec.json.encode(report), indent=2))
    replace_with(path.with_suffix(".md"), markdown(report))
    return report, path


def read(subject: Subject, provider: str) -> Report | None:
    """This machine's report, or None if there is none, it cannot be read or is for another bundle or
    model."""
    try:
        report = msgspec.json.decode(report_path(subject, provider).read_bytes(), type=Report)
    except (OSError, msgspec.MsgspecError):
        return None
    same = (report.schema, report.sha256, report.provider) == (SCHEMA, subject.sha256, provider)
    return report if same else None


def require(subject: Subject, provider: str, say: Callable[[str], None], *, threads: int = 2) -> None:
    """Check that a bundle or model passed the gate with a provider on this machine.

    Without a report the gate runs now, after a notice through ``say``. Raises ProviderError when it failed,
    BundleError or ModelError when there are no golden outputs.
    """
    if is_reference(subject, provider):
        return
    report, path = read(subject, provider), report_path(subject, provider)
    if report is None:
        if isinstance(subject, Bundle):
            fusion = next(iter(subject.manifest.modes.values())).fusion
            Engine(subject.path(fusion.file), fusion, provider=provider)  # raises if it does not load
        name = subject.name if isinstance(subject, Model) else subject.manifest.name
        say(f"{name} is not yet proven on {provider} here: comparing with its golden outputs")
        report, path = prove(subject, provider, threads=threads)
        say(f"{'passed' if report.passed else 'failed'} in {report.seconds:.0f} s, see {path}")
    if not report.passed:
        raise ProviderError(refusal(report, path))


def refusal(report: Report, path: Path) -> str:
    """One sentence on why a provider is refused."""
    kind = "bundle" if report.unit == "confidence" else "model"
    return (
        f"provider {report.provider}: expected the golden outputs of {kind} {report.bundle}, found others "
        f"from {report.worst}; use --provider cpu with a float32 {kind}, the report is {path}."
    )


def markdown(report: Report) -> str:
    """The report as Markdown."""
    verdict = "passed" if report.passed else "**failed**"
    lines = [
        f"# {report.bundle} on {report.provider}: {verdict}",
        "",
        f"`{report.sha256}`, {report.created}, {report.seconds:g} s.",
        *(f"{name}: {value}." for name, value in report.about.items()),
        "",
        "| graph | precision | cases | max abs | relative | cosine | |",
        "|---|---|---|---|---|---|---|",
        *(
            f"| {d.graph} | {d.precision} | {d.cases} | {d.absolute:.2e} | {d.relative:.2e} | {d.cosine:.6f} "
            f"| {'passed' if d.passed else '**failed**'} |"
            for d in report.graphs
        ),
    ]
    if report.unit == "confidence":
        lines += [
            "",
            f"Final confidence over whole clips: off by {report.drift:.2e} at most in {report.estimates} "
            f"estimates ({report.allowed:g} allowed).",
        ]
    elif report.estimates:
        lines += [
            "",
            f"Places: off by {report.drift:.2g} pixels at most in {report.estimates} "
            f"({report.allowed:g} allowed).",
        ]
    return "\n".join(lines) + "\n"
