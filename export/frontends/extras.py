"""What an export needs beyond the runtime, said in one sentence when it is not there."""

import importlib.util

from stream.errors import UsageError

TRAINING = ("torch", "transformers", "onnx")


def needed(extra: str, *libraries: str) -> None:
    """Raises UsageError when a library that comes with an extra is not installed."""
    for library in libraries:
        if importlib.util.find_spec(library) is None:
            raise UsageError(
                f"expected {library}, found it not installed; install it with pip install "
                f"'undertone[{extra}]'."
            )
