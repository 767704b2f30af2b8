"""Atomic writing of safetensors files."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from stream.errors import UsageError
from stream.files import replacing


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """A temporary path for `save_file`, renamed to ``path`` if the block succeeds.

    Raises UsageError for a full disk, for which safetensors raises no OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as part:
        try:
            yield part
        except SafetensorError as error:
            raise UsageError(
                f"{path}: expected room to write it, found {error}; free some disk space and run it again."
            ) from error
