"""``undertone-export check``: files, graphs and outputs of a bundle or front-end models on one provider."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from export.commands.smoke import inspect
from export.lowering.operators import unsupported
from stream.bundle.load import Bundle, load
from stream.bundle.manifest import MANIFEST
from stream.bundle.model_card import card_file
from stream.errors import ProviderError, UsageError
from stream.inference.engine import provider_name
from stream.verify import gate, model_parity
from stream.verify.bundle_parity import Report
from stream.verify.gate import Subject
from stream.verify.model_parity import Model


def subjects(target: Path) -> list[Subject]:
    """The subjects of a check: a bundle, one front-end model (an ONNX file) or a folder of models with cards.

    Raises UsageError for anything else, BundleError or ModelError for a damaged one.
    """
    if target.is_file():
        return [model_parity.open_model(target)]
    if (target / MANIFEST).exists():
        return [load(target)]
    models = [path for path in sorted(target.glob("*.onnx")) if card_file(path).is_file()]
    if not models:
        raise UsageError(
            f"{target}: expected a bundle, a model that `undertone-export frontends` wrote or a folder of "
            "such, found none; give one of these."
        )
    return [model_parity.open_model(path) for path in models]


def check(
    targets: Sequence[Subject], provider: str, out: Path | None = None, *, threads: int = 2
) -> Iterator[str]:
    """Inspect the graphs, run the gate, store its reports (and write them to ``out``); yields lines of text.

    Raises BundleError for a bundle that is damaged or, except on the CPU in float32, has no golden tensors;
    ModelError for such a model; ProviderError for a provider that does not load or fails the gate.
    """
    provider_name(provider)
    reports: list[tuple[Report, Path]] = []
    for subject in targets:
        yield from _inspect(subject)
        if _has_no_golden(subject) and gate.is_reference(subject, provider):
            yield "golden tensors: none, so this bundle cannot be verified on another provider"
            continue
        reports.append(gate.prove(subject, provider, threads=threads))
        yield gate.markdown(reports[-1][0])
        yield f"report: {reports[-1][1]}"
    if out is not None and reports:
        _write(out, [report for report, _ in reports])
    for report, path in reports:
        if not report.passed:
            raise ProviderError(gate.refusal(report, path))


def _inspect(subject: Subject) -> Iterator[str]:
    if isinstance(subject, Model):
        yield f"{subject.path.name}: matches its card"
        for problem in unsupported(subject.path):
            yield f"{subject.path.name}: not for --provider tensorrt: {problem}"
    else:
        yield from inspect(subject)


def _has_no_golden(subject: Subject) -> bool:
    return isinstance(subject, Bundle) and subject.manifest.golden is None


def _write(out: Path, reports: Sequence[Report]) -> None:
    text = "\n".join(map(gate.markdown, reports)).encode()
    raw = text if out.suffix == ".md" else msgspec.json.encode(reports if len(reports) > 1 else reports[0])
    try:
        out.write_bytes(raw)
    except OSError as error:
        raise UsageError(
            f"--report {out}: expected a place to write to, found {error.strerror}; choose another."
        ) from error
