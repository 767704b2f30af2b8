import hashlib
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from stream.bundle import model_cache
from stream.errors import ModelError, UsageError

CONTENT = {"a.tflite": b"first network", "b.tflite": b"second network"}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("UNDERTONE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> model_cache.ModelSet:
    """A set of two small files instead of the real one."""
    files = tuple(
        model_cache.ModelFile(name, f"pkg/{name}", len(data), hashlib.sha256(data).hexdigest())
        for name, data in CONTENT.items()
    )
    made = model_cache.ModelSet("small", "pkg==1", ("--only-binary=:all:",), files, "Apache-2.0", "for tests")
    monkeypatch.setattr(model_cache, "SETS", {"small": made})
    return made


class Pip:
    """Stands in for the pip child: writes the wheel it is told to, remembers what it was asked."""

    def __init__(self, content: dict[str, bytes] | None, stderr: str = "", code: int = 0) -> None:
        self.content, self.stderr, self.code = content, stderr, code
        self.commands: list[Sequence[str]] = []

    def __call__(self, command: Sequence[str], **options: object) -> subprocess.CompletedProcess[str]:
        self.commands.append(command)
        if self.content is not None:
            wheel = Path(command[command.index("--dest") + 1]) / "pkg-1-py3-none-any.whl"
            with zipfile.ZipFile(wheel, "w") as archive:
                for name, data in self.content.items():
                    archive.writestr(f"pkg/{name}", data)
        return subprocess.CompletedProcess(command, self.code, "", self.stderr)


def _use(pip: Pip, monkeypatch: pytest.MonkeyPatch) -> Pip:
    monkeypatch.setattr(model_cache.subprocess, "run", pip)
    return pip


@pytest.mark.usefixtures("small")
def test_a_pull_brings_whole_files_and_leaves_nothing_else(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _use(Pip(CONTENT), monkeypatch)
    seen: list[float] = []
    folder = model_cache.pull("small", lambda what, share: seen.append(share))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == CONTENT
    assert list(cache.iterdir()) == [folder] == [model_cache.locate("small")]
    assert model_cache.verify("small") == []
    assert model_cache.listing()[0].present
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


@pytest.mark.usefixtures("small", "cache")
def test_a_second_pull_downloads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    pip = _use(Pip(CONTENT), monkeypatch)
    assert model_cache.pull("small") == model_cache.pull("small")
    assert len(pip.commands) == 1


@pytest.mark.usefixtures("small", "cache")
def test_a_damaged_file_is_named_and_replaced_by_the_next_pull(monkeypatch: pytest.MonkeyPatch) -> None:
    _use(Pip(CONTENT), monkeypatch)
    folder = model_cache.pull("small")
    (folder / "b.tflite").write_bytes(b"second networK")
    (problem,) = model_cache.verify("small")
    assert "b.tflite" in problem
    assert "undertone models pull small" in problem
    model_cache.pull("small")
    assert model_cache.verify("small") == []


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("pip", "sentence"),
    [
        (Pip(None, "ERROR: No matching distribution found for pkg==1", 1), "No matching distribution"),
        (Pip(None, f"{sys.executable}: No module named pip", 1), "ensurepip"),
        (Pip({"a.tflite": CONTENT["a.tflite"]}), "does not contain pkg/b.tflite"),
        (Pip({**CONTENT, "b.tflite": b"another network"}), "not the expected file"),
    ],
)
def test_a_failed_pull_says_why_and_leaves_nothing(
    pip: Pip, sentence: str, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _use(pip, monkeypatch)
    with pytest.raises(ModelError, match=sentence):
        model_cache.pull("small")
    assert list(cache.iterdir()) == []


@pytest.mark.usefixtures("small")
def test_a_pull_that_hangs_ends(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(command: Sequence[str], **options: object) -> None:
        raise subprocess.TimeoutExpired(command, model_cache.PULL_TIMEOUT_S)

    monkeypatch.setattr(model_cache.subprocess, "run", hang)
    with pytest.raises(ModelError, match="check the network"):
        model_cache.pull("small")
    assert list(cache.iterdir()) == []


@pytest.mark.usefixtures("small")
def test_what_a_killed_pull_left_goes_with_a_later_one(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _use(Pip(CONTENT), monkeypatch)
    (cache / ".small-dead").mkdir(parents=True)
    (cache / ".small-dead" / "half.whl").write_bytes(b"PK")
    monkeypatch.setattr(model_cache, "_STALE_S", -1.0)
    model_cache.pull("small")
    assert [path.name for path in cache.iterdir()] == ["small"]


def test_the_real_pull_asks_for_one_pinned_wheel_whatever_the_interpreter(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pip = _use(Pip(None, "ERROR: stop here", 1), monkeypatch)
    with pytest.raises(ModelError):
        model_cache.pull("holistic")
    (command,) = pip.commands
    assert command[:4] == [sys.executable, "-m", "pip", "download"]
    assert {"--no-deps", "--only-binary=:all:", "--python-version=3.11", "--abi=cp311"} <= set(command)
    assert command[-1] == "mediapipe==0.10.21"
    assert not any("index" in part for part in command)


@pytest.mark.usefixtures("cache")
def test_a_missing_set_says_how_to_get_it() -> None:
    with pytest.raises(ModelError, match="undertone models pull holistic"):
        model_cache.locate("holistic")
    assert len(model_cache.verify("holistic")) == len(model_cache.HOLISTIC.files)
    assert not model_cache.listing()[0].present


@pytest.mark.usefixtures("small", "cache")
def test_a_file_cut_short_is_not_located(monkeypatch: pytest.MonkeyPatch) -> None:
    _use(Pip(CONTENT), monkeypatch)
    (model_cache.pull("small") / "a.tflite").write_bytes(b"first")
    with pytest.raises(ModelError, match="5 of 13 bytes"):
        model_cache.locate("small")


@pytest.mark.usefixtures("cache")
def test_an_unknown_set_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="known are: holistic"):
        model_cache.pull("wholistic")


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("UNDERTONE_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(ModelError, match="UNDERTONE_CACHE"):
        model_cache.pull("holistic")


def test_the_cache_is_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("UNDERTONE_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert model_cache.cache_dir() == tmp_path / "undertone"


def test_the_pulled_networks_are_the_expected_ones(holistic_files: Path) -> None:
    assert model_cache.verify("holistic") == []
    assert {path.name for path in holistic_files.iterdir()} == {
        file.name for file in model_cache.HOLISTIC.files
    }


def test_changed_weights_of_the_same_size_never_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sizes are what `locate` looks at; the bytes are checked when they are loaded."""
    from stream.frontend.mediapipe.litert import Network

    monkeypatch.setenv("UNDERTONE_CACHE", str(tmp_path))
    file = model_cache.HOLISTIC.files[0]
    folder = tmp_path / "holistic"
    folder.mkdir()
    (folder / file.name).write_bytes(b"\0" * file.size)
    with pytest.raises(ModelError, match=r"expected SHA-256 9ba9dd3d42ef…, found .*models pull holistic"):
        Network(folder / file.name, size=224, outputs=(None,), threads=1)
