"""Users without a home folder, or with one that is of no use: one sentence each."""

import pwd
from pathlib import Path

import pytest

from stream.cli.app import main


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    def one(*words: str) -> tuple[int, list[str]]:
        monkeypatch.setattr("sys.argv", ["undertone", *words])
        with pytest.raises(SystemExit) as stopped:
            main()
        return int(stopped.value.code or 0), capsys.readouterr().err.strip().splitlines()

    return one


@pytest.mark.parametrize("words", ["models list", "models pull holistic", "models verify", "watch demo"])
def test_a_uid_without_a_home(run, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container that runs with a number that no machine knows."""

    def unknown(uid: int) -> None:
        raise KeyError(uid)

    for name in ("HOME", "UNDERTONE_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    code, lines = run(*words.split())
    assert code == 1
    assert "set UNDERTONE_CACHE to a folder" in lines[-1]  # a progress bar may stand before it
    assert not any("Traceback" in line for line in lines)


@pytest.mark.parametrize("words", ["models pull holistic", "models verify holistic"])
def test_a_home_that_is_no_folder(run, words: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    for name in ("UNDERTONE_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    code, lines = run(*words.split())
    assert code == 1
    assert lines
    assert all("Traceback" not in line for line in lines)
