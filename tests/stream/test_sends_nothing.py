"""Nothing leaves the machine, and nothing is written outside the cache: watched from outside, by strace."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import stream
from stream.bundle import model_cache

pytestmark = pytest.mark.slow

ROOT = Path(stream.__file__).parents[1]
COMMANDS = {
    "watch": ["stream", "watch", "demo", "--for", "4", "--publish", "tcp://127.0.0.1:*"],
    "inspect": ["stream", "inspect", str(ROOT / "tests" / "data" / "astronaut.png")],
    "doctor": ["stream", "doctor"],
    "check": ["export", "check", "stream/assets/demo"],
}
# What a process may write to besides the folders it was given: devices and shared memory.
WRITES = re.compile(r"O_(CREAT|WRONLY|RDWR)|creat\(|mkdir\(")
ELSEWHERE = re.compile(r"^(/dev/|/proc/|/sys/|/memfd:|anon_inode|pipe:)")


@pytest.mark.usefixtures("holistic_files")
@pytest.mark.parametrize("name", COMMANDS)
def test_no_connection_and_no_file_outside_the_cache(name: str, tmp_path: Path) -> None:
    if shutil.which("strace") is None:
        pytest.fail("this test watches system calls; install strace", pytrace=False)
    home, cache, scratch, log = (tmp_path / n for n in ("home", "cache", "scratch", "log"))
    for folder in (home, cache, scratch):
        folder.mkdir()
    shutil.copytree(model_cache.locate("holistic"), cache / "holistic")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "UNDERTONE_CACHE": str(cache),
        "TMPDIR": str(scratch),
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    strace = ["strace", "-f", "-qq", "-s", "200", "-e", "trace=connect,openat,creat,mkdir,rename,renameat2"]
    done = subprocess.run(
        [*strace, "-o", str(log), sys.executable, "-m", *COMMANDS[name]],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert "Traceback" not in done.stderr, done.stderr
    calls = log.read_text(errors="replace").splitlines()
    assert len(calls) > 100, done.stderr
    reached = [line for line in calls if "connect(" in line and re.search(r"AF_INET6?", line)]
    assert not reached, reached[:5]
    written = {
        path
        for line in calls
        if not line.rstrip().endswith(")")
        and "= -1" not in line
        and re.search(r"O_(CREAT|WRONLY|RDWR)|creat\(|mkdir\(", line)
        for path in re.findall(r'"([^"]+)"', line)[:1]
    }
    allowed = tuple(str(folder) for folder in (cache, scratch))
    strange = sorted(p for p in written if not p.startswith(allowed) and not ELSEWHERE.match(p))
    assert not strange, strange
    assert list(home.iterdir()) == []
