"""Files: their hash, and writing them whole or not at all."""

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from stream.errors import UsageError


def users_folder(place: str, advice: str) -> Path:
    """``place`` with its ``~``. Raises UsageError for a user without a home, as a bare uid in a container."""
    try:
        return Path(place).expanduser()
    except RuntimeError as error:
        raise UsageError(f"expected a home folder for {place}, this user has none; {advice}.") from error


def sha256_of(path: Path) -> str:
    """Hex SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextlib.contextmanager
def replacing(path: Path, *, mode: int = 0o666) -> Iterator[Path]:
    """A place beside ``path`` to write to; it takes the place of ``path`` when the block ends well.

    Readers see the old file or the new one, never a part. Nothing is left behind when the block or the disk
    fails. ``mode`` is subject to the umask, as for any new file. Raises OSError.
    """
    handle, name = tempfile.mkstemp(prefix=f".{path.name}-", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    part = Path(name)
    try:
        yield part
        umask = os.umask(0)
        os.umask(umask)
        part.chmod(mode & ~umask)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def replace_with(path: Path, content: bytes | str, *, mode: int = 0o666) -> None:
    """Write a whole file, or none. Raises OSError."""
    with replacing(path, mode=mode) as part:
        part.write_bytes(content.encode() if isinstance(content, str) else content)
