"""TensorRT engines that were built on this machine: where they lie, and which of them may be loaded.

NVIDIA equates an engine from elsewhere with foreign native code. So an engine is never part of a bundle. It
lies in the user's cache, in a folder for its owner alone, under a key of everything that made it: the graph,
TensorRT, CUDA, driver, GPU and options. What does not fit in every point is refused, never repaired.

The engine's file is an ONNX file of a single node that holds the engine itself (ONNX Runtime's EP context):
one hash covers it, and no engine is built while a stream starts.
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
# No precision flag: the graph's own types are the engine's. Words of ONNX Runtime's TensorRT provider.
OPTIONS: Mapping[str, str] = {"trt_builder_optimization_level": "3"}


class Machine(Record, frozen=True, kw_only=True):
    """What an engine is bound to, beside its graph."""

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
    """Hex sha256 over everything that makes an engine; ``onnx`` is the `digest` of its graph."""
    parts = {"onnx": onnx, "machine": msgspec.to_builtins(machine), "options": dict(options)}
    return hashlib.sha256(msgspec.json.encode(parts, order="sorted")).hexdigest()


def digest(graph: Path) -> str:
    """Hex sha256 of an ONNX file and of the weights that it keeps in other files, if any.

    Raises BundleError for a file that is no ONNX graph, or has its weights elsewhere than beside it.
    """
    parts = {name: sha256_of(graph.parent / name) for name in external_data.check(graph, graph.parent)}
    whole = msgspec.json.encode({"": sha256_of(graph), **parts}, order="sorted")
    return hashlib.sha256(whole).hexdigest()


def folder() -> Path:
    """Where engines lie: ``engines`` in the user's cache."""
    return cache_dir() / "engines"


def find(graph: Path, machine: Machine) -> Path:
    """The engine of an ONNX file on this machine.

    Raises ProviderError when there is none, or when it is not certain that this user built it here from it.
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
    """Have the engine of ``graph`` built and kept; returns its file.

    ``build`` writes it to the path it is given, in a folder that no other user reads. The folder takes its
    place in one rename: of two builds at once the first wins, and the other is thrown away. One that is there
    already and good is kept. Raises ProviderError when the cache may not be trusted.
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
    """Make a folder for this user alone, or check that it is one. Raises ProviderError."""
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
    """Raises ProviderError unless this user owns the file or folder and nobody else has any right to it."""
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
    """What to build for: the bundle, where the graph belongs to one."""
    return graph.parent if (graph.parent / MANIFEST).is_file() else graph
