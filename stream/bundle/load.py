"""A bundle read from disk and verified: schema, every file's presence, size and sha256."""

import hashlib
from importlib.resources import files
from pathlib import Path, PurePosixPath

import msgspec

from stream.bundle import external_data
from stream.bundle.manifest import MANIFEST, SCHEMA, Extractor, FileEntry, Manifest, graphs_of
from stream.errors import BundleError
from stream.files import sha256_of

LARGEST_MANIFEST = 8_000_000  # bytes; the demo's has 60 thousand


class _Version(msgspec.Struct):
    schema: int


class Bundle(msgspec.Struct, frozen=True):
    """A verified bundle on disk."""

    folder: Path
    manifest: Manifest
    sha256: str  # of manifest.json, which names every other file's hash

    @classmethod
    def load(cls, folder: str | Path) -> "Bundle":
        """Read and verify a bundle: schema, every file's presence, size and sha256. Raises BundleError."""
        return load(folder)

    @classmethod
    def demo(cls) -> "Bundle":
        """The bundle that ships with the package: made-up people, no real-world meaning."""
        return load(demo_bundle())

    def path(self, name: str) -> Path:
        """Where one of its files lies."""
        return self.folder / name


def parse(raw: bytes, where: str = MANIFEST) -> Manifest:
    """Decode a manifest strictly; raises BundleError for another schema or a malformed field."""
    try:
        version = msgspec.json.decode(raw, type=_Version).schema
        if version != SCHEMA:
            raise BundleError(
                f"{where}: expected bundle schema {SCHEMA}, found {version}; "
                f"use an undertone that reads schema {version} or export the bundle again."
            )
        return msgspec.json.decode(raw, type=Manifest)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise BundleError(
            f"{where}: expected a bundle manifest, found a malformed one ({error}); export it again."
        ) from error


def demo_bundle() -> Path:
    """The bundle that ships with the package: made-up people, no real-world meaning."""
    return Path(str(files("stream"))) / "assets" / "demo"


def load(folder: str | Path) -> Bundle:
    """Read and verify a bundle: schema, every file's presence, size and sha256. Raises BundleError."""
    folder = Path(folder)
    manifest, raw = manifest_of(folder)
    for name in sorted(manifest.files.keys() | _referenced(manifest)):
        _verify(folder, name, manifest.files.get(name))
    for name in sorted({graph.file for graph in graphs_of(manifest)}):
        for weights in sorted(external_data.check(folder / name, folder) - manifest.files.keys()):
            _verify(folder, weights, None)
    return Bundle(folder=folder, manifest=manifest, sha256=hashlib.sha256(raw).hexdigest())


def manifest_of(folder: Path) -> tuple[Manifest, bytes]:
    """The manifest of a bundle and its bytes; no other file is looked at. Raises BundleError."""
    path = folder / MANIFEST
    try:
        with path.open("rb") as opened:
            raw = opened.read(LARGEST_MANIFEST + 1)
    except OSError as error:
        raise BundleError(
            f"{folder}: expected a bundle directory with {MANIFEST}, found none ({error.strerror}); "
            "give the directory that an export wrote."
        ) from error
    if len(raw) > LARGEST_MANIFEST:
        raise BundleError(
            f"{path}: expected at most {LARGEST_MANIFEST // 1_000_000} MB of manifest, found more; "
            "do not use this bundle."
        )
    return parse(raw, str(path)), raw


def check_extractor(bundle: Bundle, found: Extractor) -> None:
    """Raises BundleError when the bundle learnt from points of another extractor than the one found here.

    The image encoder travels inside the bundle, so it is not compared; an untrained bundle names none.
    """
    learnt = [e for kind, e in bundle.manifest.extractors.items() if kind != "image"]
    if learnt and found not in learnt:
        expected = " and ".join(f"{e.name} (sha256 {e.sha256[:12]})" for e in learnt)
        raise BundleError(
            f"{bundle.folder}: expected points of {expected}, which it was trained on, found {found.name} "
            f"(sha256 {found.sha256[:12]}); export a bundle trained on the latter or pass --any-extractor."
        )


def _referenced(manifest: Manifest) -> set[str]:
    names = {graph.file for graph in graphs_of(manifest)}
    if manifest.text:
        names.add(manifest.text.tokenizer)
    if manifest.golden:
        names |= set(manifest.golden.files)
    return names


def _verify(folder: Path, name: str, entry: FileEntry | None) -> None:
    pure = PurePosixPath(name)
    if pure.is_absolute() or ".." in pure.parts or "\\" in name:
        raise BundleError(
            f"{folder}: expected file names inside the bundle, found {name!r}; do not use this bundle."
        )
    if entry is None:
        raise BundleError(
            f"{folder}: expected a hash for {name} in {MANIFEST}, found none; export the bundle again."
        )
    path = folder / name
    if not path.is_file():
        raise BundleError(
            f"{path}: expected this file of the bundle, found none; copy the whole bundle again."
        )
    size = path.stat().st_size
    if size != entry.size:
        raise BundleError(f"{path}: expected {entry.size} bytes, found {size}; copy the bundle again.")
    found = sha256_of(path)
    if found != entry.sha256:
        raise BundleError(
            f"{path}: expected sha256 {entry.sha256[:12]}…, found {found[:12]}…; "
            "the file is damaged, copy the bundle again."
        )
