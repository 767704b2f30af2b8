"""What a process can still open once it is restricted; tried in processes of their own."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import stream
from stream.capture.capture import Capture
from stream.capture.decoding import landlock
from stream.capture.source import Source
from stream.errors import SourceError

ROOT = Path(stream.__file__).parents[1]
# Prints what each attempt came to: the name of an error, or "done".
TRY = """
import ctypes, json, os, subprocess, sys
from pathlib import Path
from stream.capture.decoding import landlock

folder = Path(sys.argv[1])
ctypes.CDLL(None).prctl(38, 1, 0, 0, 0)
restricted = landlock.restrict(
    [Path(sys.prefix), folder / "inside", folder / "one", folder / "nothing"], [Path("/dev/null")]
)

def came_to(attempt):
    try:
        attempt()
    except OSError as error:
        return type(error).__name__
    return "done"

print(json.dumps({
    "restricted": restricted,
    "inside": came_to(lambda: (folder / "inside" / "a").read_bytes()),
    "listing": came_to(lambda: os.listdir(folder / "inside")),
    "one": came_to(lambda: (folder / "one").read_bytes()),
    "outside": came_to(lambda: (folder / "outside").read_bytes()),
    "write": came_to(lambda: (folder / "inside" / "a").write_bytes(b"")),
    "make": came_to(lambda: (folder / "inside" / "new").touch()),
    "remove": came_to(lambda: (folder / "inside" / "a").unlink()),
    "null": came_to(lambda: Path("/dev/null").write_bytes(b"x")),
    "execute": came_to(lambda: os.execv("/bin/true", ["true"]) if restricted else None),
}))
"""
DENIED = "PermissionError"


def test_a_restricted_process_opens_what_it_was_left_and_executes_nothing(tmp_path: Path) -> None:
    (tmp_path / "inside").mkdir()
    for name in ("inside/a", "one", "outside"):
        (tmp_path / name).write_bytes(b"x")
    done = subprocess.run(
        [sys.executable, "-c", TRY, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    there = landlock.version() > 0
    assert found["restricted"] == there
    assert (found["inside"], found["listing"], found["one"], found["null"]) == ("done",) * 4
    if there:
        shut = ("outside", "write", "make", "remove", "execute")
        assert {name: found[name] for name in shut} == dict.fromkeys(shut, DENIED)
    else:  # this kernel has none of it: then nothing is shut, and it says so
        assert found["outside"] == "done"


def test_a_kernel_without_it_is_reported_and_left_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(landlock, "_call", lambda *_: -1)
    (tmp_path / "a").write_bytes(b"x")
    assert landlock.version() == 0
    assert not landlock.restrict([])
    assert (tmp_path / "a").read_bytes() == b"x"


@pytest.mark.slow
def test_a_local_playlist_reaches_its_own_folder(make_video: Callable[..., Path], tmp_path: Path) -> None:
    """The decoder plays what lies beside a playlist; beyond, where the kernel can, nothing is opened."""
    (tmp_path / "here").mkdir()
    make_video(tmp_path / "here" / "a.ts", count=25)
    make_video(tmp_path / "b.ts", count=25)

    def played(segment: str) -> int:
        text = f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1.0,\n{segment}\n#EXT-X-ENDLIST\n"
        (tmp_path / "here" / "list.m3u8").write_text(text)
        source = Source.parse(str(tmp_path / "here" / "list.m3u8"))
        with Capture(source, pace="fast", open_timeout_s=8, read_timeout_s=4) as capture:
            capture.open()
            return sum(1 for _ in capture.frames())

    assert played("a.ts") == 25
    if landlock.version():
        with pytest.raises(SourceError):
            played(str(tmp_path / "b.ts"))
    else:
        assert played(str(tmp_path / "b.ts")) == 25
