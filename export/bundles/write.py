"""Writes a bundle atomically: into a temporary folder, hashed, verified as the live side will, renamed."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import msgspec

from stream.bundle.load import Bundle, load, manifest_of
from stream.bundle.manifest import MANIFEST, FileEntry, Manifest
from stream.errors import BundleError
from stream.files import sha256_of


def write(folder: str | Path, fill: Callable[[Path], Manifest]) -> Bundle:
    """Write a bundle to ``folder``, replacing one that is there.

    ``fill`` writes the graphs and the tokenizer into the given directory and returns the manifest; its
    ``files`` are computed here. The new folder is renamed only after the live side's own check has passed, so
    a reader sees the old bundle or the new one. Raises BundleError or OSError; then no new file is left
    behind and the old bundle is back in its place. A folder is replaced only if its manifest is readable and
    lists every file in it.
    """
    folder = Path(folder)
    _check_replaceable(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        fresh = work / "new"
        fresh.mkdir()
        save(fresh, fill(fresh))
        load(fresh)
        _put(fresh, folder, work / "old")
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return load(folder)


def copied(bundle: Bundle, folder: str | Path, change: Callable[[Path], Manifest]) -> Bundle:
    """Copy ``bundle`` to ``folder`` (which may be its own) and apply ``change`` to the copy.

    ``change`` gets the directory of the copied files and returns the manifest.
    """

    def fill(fresh: Path) -> Manifest:
        for name in bundle.manifest.files:
            target = fresh / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(bundle.path(name), target)
        return change(fresh)

    return write(folder, fill)


def save(folder: Path, manifest: Manifest) -> None:
    """Write ``manifest.json`` with size and sha256 of every other file in ``folder``."""
    paths = sorted(p for p in folder.rglob("*") if p.is_file() and p.name != MANIFEST)
    files = {
        p.relative_to(folder).as_posix(): FileEntry(sha256=sha256_of(p), size=p.stat().st_size) for p in paths
    }
    raw = msgspec.json.encode(msgspec.structs.replace(manifest, files=files))
    (folder / MANIFEST).write_bytes(msgspec.json.format(raw, indent=2) + b"\n")


def _put(fresh: Path, folder: Path, old: Path) -> None:
    """Rename ``fresh`` to ``folder``; the previous folder goes to ``old`` and is restored on failure."""
    if not folder.exists():
        fresh.rename(folder)
        return
    folder.rename(old)
    try:
        fresh.rename(folder)
    except BaseException:
        old.rename(folder)
        raise


def _check_replaceable(folder: Path) -> None:
    """Raises BundleError for a folder with anything but one bundle in it."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    try:
        named = {MANIFEST, *manifest_of(folder)[0].files}
    except BundleError as error:
        raise BundleError(
            f"{folder}: expected a bundle, an empty directory or nothing there, found something else; "
            "choose another place."
        ) from error
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
    if others := sorted(there - named):
        raise BundleError(
            f"{folder}: expected the files of one bundle, found {others[0]} beside them; move it away or "
            "choose another place."
        )
