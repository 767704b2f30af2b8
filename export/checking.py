"""``undertone-export check``: a bundle's files, graphs and answers on one provider."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from export.inspection import inspect
from stream import gate
from stream.contract import Bundle
from stream.engine import provider_name
from stream.errors import ProviderError, UsageError


def check(bundle: Bundle, provider: str, out: Path | None = None, *, threads: int = 2) -> Iterator[str]:
    """Inspect the graphs, run the gate, keep its report (and write it to ``out``); what was found, in lines.

    Raises BundleError for a damaged bundle or, but on the CPU in float32, one without golden tensors;
    ProviderError for a provider that does not load or gave other answers.
    """
    provider_name(provider)
    yield from inspect(bundle)
    if bundle.manifest.golden is None and gate.is_reference(bundle, provider):
        yield "golden tensors: none, so this bundle cannot be proven on another provider"
        return
    report, path = gate.prove(bundle, provider, threads=threads)
    text = gate.markdown(report)
    if out is not None:
        _write(out, text.encode() if out.suffix == ".md" else msgspec.json.encode(report))
    yield text
    yield f"report: {path}"
    if not report.passed:
        raise ProviderError(gate.refusal(report, path))


def _write(out: Path, raw: bytes) -> None:
    try:
        out.write_bytes(raw)
    except OSError as error:
        raise UsageError(
            f"--report {out}: expected a place to write to, found {error.strerror}; choose another."
        ) from error
