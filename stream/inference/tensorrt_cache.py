"""The cache of TensorRT engines built on this machine, and the checks before one is loaded.

NVIDIA treats an engine from another source like untrusted native code, so an engine is never part of a
bundle. It is stored in the user's cache, in a folder only its owner can access, under a key of everything it
was built from: the graph, TensorRT, CUDA, driver, GPU and options. Any mismatch is refused, never repaired.

An engine is stored as an ONNX file with a single node that contains it (ONNX Runtime's EP context): one hash
covers it, and no engine is built while a stream starts.
"""

import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from stream.bundle import external_data
from stream.bundle.manifest import MANIFEST, Record
from stream.bundle.model_cache import cache_dir
from stream.errors import ProviderError
from stream.files import sha256_of

SCHEMA = 1
ENGINE = "engine.onnx"
RECORD = "record.json"
# Options of ONNX Runtime's TensorRT provider. No precision flag: the engine uses the graph's own types.
OPTIONS: Mapping[str, str] = {"trt_builder_optimization_level": "3"}


class Machine(Record, frozen=True, kw_only=True):
    """The versions and hardware an engine is tied to, in addition to its graph."""

    tensorrt: str
    cuda: str
    driver: str
    gpu: str
    sm: str
    onnxruntime: str


class Built(Record, frozen=True, kw_only=True):
    """``record.json`` beside an engine."""

    schema: int = SCHEMA
    graph: str  # file name of the graph, for people
    onnx: str  # `digest` of the graph
    machine: Machine
    options: dict[str, str]
    engine: str  # sha256 of ENGINE
    created: str  # ISO time

    @property
    def key(self) -> str:
        return key(self.onnx, self.machine, self.options)


def key(onnx: str, machine: Machine, options: Mapping[str, str] = OPTIONS) -> str:
    """Hex SHA-256 over everything an engine is built from; ``onnx`` is the `digest` of its graph."""
    parts = {"onnx": onnx, "machine": msgspec.to_builtins(machine), "options": dict(options)}
    return hashlib.sha256(msgspec.json.encode(parts, order="sorted")).hexdigest()


def digest(graph: Path) -> str:
    """Hex SHA-256 of an ONNX file and of its external weights, if any.

    Raises BundleError for a file that is not an ONNX graph, or whose weights are not beside it.
    """
    parts = {name: sha256_of(graph.parent / name) for name in external_data.check(graph, graph.parent)}
    whole = msgspec.json.encode({"": sha256_of(graph), **parts}, order="sorted")
    return hashlib.sha256(whole).hexdigest()


def folder() -> Path:
    """Folder of all engines: ``engines`` in the user's cache."""
    return cache_dir() / "engines"


def find(graph: Path, machine: Machine) -> Path:
    """The engine of an ONNX file on this machine.

    Raises ProviderError when there is none, or unless this user verifiably built it here from this file.
    """
    onnx = digest(graph)
    place = folder() / key(onnx, machine)
    if not os.path.lexists(place):
        raise ProviderError(
            f"{graph}: expected its TensorRT engine, built on this machine, found none in {folder()}; "
            f"run `undertone-export engines {_target(graph)}`."
        )
    for part in (folder(), place, place / RECORD, place / ENGINE):
        check_own(part)
    try:
        record = msgspec.json.decode((place / RECORD).read_bytes(), type=Built)
    except (OSError, msgspec.MsgspecError) as error:
        raise _foreign(place, f"no record that reads ({error})") from error
    if record.schema != SCHEMA or record.key != place.name:
        raise _foreign(place, "a record of another graph or machine")
    if sha256_of(place / ENGINE) != record.engine:
        raise _foreign(place, "an engine that differs from its record")
    return place / ENGINE


def put(graph: Path, machine: Machine, build: Callable[[Path], None]) -> Path:
    """Build the engine of ``graph`` with ``build`` and store it; returns its file.

    ``build`` writes it to the path it receives, in a folder that no other user can read. The folder is moved
    into the cache in one rename: of two simultaneous builds the first wins and the other is deleted. An
    existing valid engine is reused. Raises ProviderError when the cache cannot be trusted.
    """
    onnx = digest(graph)
    home, name = own_folder(folder()), key(onnx, machine)
    if (home / name).exists():
        return find(graph, machine)
    work = Path(tempfile.mkdtemp(prefix=".building-", dir=home))  # 0700
    try:
        fresh = work / name
        fresh.mkdir(mode=0o700)
        build(fresh / ENGINE)
        os.chmod(fresh / ENGINE, 0o600)
        record = Built(
            graph=graph.name,
            onnx=onnx,
            machine=machine,
            options=dict(OPTIONS),
            engine=sha256_of(fresh / ENGINE),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        (fresh / RECORD).touch(mode=0o600)
        (fresh / RECORD).write_bytes(msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n")
        try:
            fresh.rename(home / name)
        except OSError:
            if not (home / name).exists():
                raise
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return find(graph, machine)


def own_folder(path: Path) -> Path:
    """Create a folder that only this user can access, or check an existing one. Raises ProviderError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise ProviderError(
            f"{path}: expected a folder for engines that can be written, found none "
            f"({error.strerror}); set UNDERTONE_CACHE to a folder that can."
        ) from error
    check_own(path)
    return path


def check_own(path: Path) -> None:
    """Raises ProviderError unless this user owns the file or folder and nobody else has permissions on it."""
    try:
        info = path.lstat()
    except OSError as error:
        raise _foreign(path, f"nothing ({error.strerror})") from error
    if not (stat.S_ISDIR(info.st_mode) or stat.S_ISREG(info.st_mode)):
        raise _foreign(path, "a link or something else that is no plain file")
    if info.st_uid != os.getuid():
        raise _foreign(path, f"one that user {info.st_uid} owns")
    if info.st_mode & 0o077:
        raise _foreign(path, f"permissions {stat.S_IMODE(info.st_mode):04o} that let others in")


def _foreign(path: Path, found: str) -> ProviderError:
    return ProviderError(
        f"{path}: expected an engine that this user built on this machine and nobody else can reach, "
        f"found {found}; remove {folder()} and run `undertone-export engines` again."
    )


def _target(graph: Path) -> Path:
    """Argument for `undertone-export engines`: the bundle, if the graph belongs to one."""
    return graph.parent if (graph.parent / MANIFEST).is_file() else graph
