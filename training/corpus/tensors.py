"""Safetensors files, written whole or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from stream.errors import UsageError
from stream.files import replacing


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """The place for `save_file` to write to; it becomes ``path`` when the block ends well.

    Raises UsageError where there is no room: safetensors' own error for it is no OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as part:
        try:
            yield part
        except SafetensorError as error:
            raise UsageError(
                f"{path}: expected room to write it, found {error}; free some disk space and run it again."
            ) from error
