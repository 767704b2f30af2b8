"""Checks the libraries that an export needs beyond the runtime, before any work starts."""

import importlib.util

from stream.cli.checks.extras import sentence
from stream.errors import UsageError

TRAINING = ("torch", "transformers", "onnx")


def require(*libraries: str) -> None:
    """Raises UsageError for a library that is not installed; the message names its extra."""
    for library in libraries:
        if importlib.util.find_spec(library) is None:
            raise UsageError(sentence(library) or f"expected {library}, found it not installed; install it.")
